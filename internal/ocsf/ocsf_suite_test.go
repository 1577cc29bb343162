// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package ocsf_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode"
	"unicode/utf8"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/test/golden"
)

func TestOCSF(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "OCSF")
}

// expectGolden compares with testdata/<name>.golden, where a line is spread over many.
func expectGolden(name string, lines [][]byte) {
	GinkgoHelper()
	var got bytes.Buffer
	for _, line := range lines {
		Expect(json.Indent(&got, line, "", "  ")).To(Succeed())
		got.WriteByte('\n')
	}
	golden.Expect(name+".golden", got.String())
}

// classes are what version 1.4.0 of the schema says of each class, from its definition: the names of activities, what is required, of what
// one at least is, and what there may be besides.
var classes = map[float64]struct {
	name       string
	activities map[float64]string
	required   []string
	oneOf      []string
	only       []string
}{
	3001: {
		name: "Account Change", required: []string{"user"}, only: []string{"user_result", "policies"},
		activities: map[float64]string{
			1: "Create", 2: "Enable", 3: "Password Change", 4: "Password Reset", 5: "Disable", 6: "Delete", 7: "Attach Policy",
			8: "Detach Policy", 9: "Lock", 10: "MFA Factor Enable", 11: "MFA Factor Disable", 12: "Unlock",
		},
	},
	3002: {
		name: "Authentication", required: []string{"user"}, oneOf: []string{"service", "dst_endpoint"},
		only: []string{
			"auth_protocol", "auth_protocol_id", "certificate", "is_mfa", "is_remote", "logon_type", "logon_type_id", "session",
		},
		activities: map[float64]string{1: "Logon", 2: "Logoff", 6: "Preauth"},
	},
	3003: {
		name: "Authorize Session", required: []string{"user"}, oneOf: []string{"privileges", "group"}, only: []string{"session"},
		activities: map[float64]string{1: "Assign Privileges", 2: "Assign Groups"},
	},
	3004: {
		name: "Entity Management", required: []string{"entity"}, only: []string{"entity_result", "comment"},
		activities: map[float64]string{1: "Create", 2: "Read", 3: "Update", 4: "Delete", 5: "Move", 8: "Enable", 9: "Disable"},
	},
	3005: {
		name: "User Access Management", required: []string{"user", "privileges"}, only: []string{"resource"},
		activities: map[float64]string{1: "Assign Privileges", 2: "Revoke Privileges"},
	},
	3006: {
		name: "Group Management", required: []string{"group"}, only: []string{"privileges", "resource", "user"},
		activities: map[float64]string{
			1: "Assign Privileges", 2: "Revoke Privileges", 3: "Add User", 4: "Remove User", 5: "Delete", 6: "Create",
		},
	},
}

// expectEvent compares a line with the schema, and returns it.
func expectEvent(line []byte) map[string]any {
	GinkgoHelper()
	expectLine(line)
	var event map[string]any
	Expect(json.Unmarshal(line, &event)).To(Succeed())
	uid, _ := event["class_uid"].(float64)
	class, known := classes[uid]
	Expect(known).To(BeTrue(), "class %v", event["class_uid"])
	activity, _ := event["activity_id"].(float64)
	named := class.activities[activity]
	if activity == 99 {
		named = "Other"
		Expect(event["activity_name"]).NotTo(BeEmpty())
	} else {
		Expect(event["activity_name"]).To(Equal(named))
	}
	Expect(named).NotTo(BeEmpty(), "activity %v", activity)
	for key, value := range map[string]any{
		"category_uid": 3.0, "category_name": "Identity & Access Management", "class_name": class.name,
		"type_uid": uid*100 + activity, "type_name": class.name + ": " + named, "status_id": 1.0, "status": "Success",
	} {
		Expect(event).To(HaveKeyWithValue(key, value))
	}
	Expect(event["time"]).To(And(BeNumerically(">", 1.7e12), BeNumerically("<", 2e12)), "milliseconds")
	Expect(event["severity_id"]).To(BeNumerically(">=", 1))
	for _, key := range class.required {
		Expect(event).To(HaveKey(key))
	}
	if len(class.oneOf) > 0 {
		there := 0
		for _, key := range class.oneOf {
			if event[key] != nil {
				there++
			}
		}
		Expect(there).To(Equal(1), "one of %v", class.oneOf)
	}
	allowed := map[string]bool{}
	for _, key := range append(append(append([]string{
		"activity_id", "activity_name", "category_uid", "category_name", "class_uid", "class_name", "type_uid", "type_name", "time",
		"severity_id", "severity", "status_id", "status", "status_detail", "message", "metadata", "actor", "unmapped",
	}, class.required...), class.oneOf...), class.only...) {
		allowed[key] = true
	}
	for key := range event {
		Expect(allowed).To(HaveKey(key), "the class has no such attribute")
	}
	expectObjects(event)
	return event
}

// expectObjects compares what objects must have.
func expectObjects(event map[string]any) {
	GinkgoHelper()
	object := func(of map[string]any, key string) map[string]any {
		found, _ := of[key].(map[string]any)
		return found
	}
	metadata := object(event, "metadata")
	Expect(metadata).To(And(HaveKeyWithValue("version", "1.4.0"), HaveKeyWithValue("uid", MatchRegexp(`^[0-9a-f]{64}(-\d+)?$`))))
	Expect(object(metadata, "product")).To(And(HaveKeyWithValue("name", "Rollcall"), HaveKeyWithValue("vendor_name", "Rollcall")))
	for _, found := range []map[string]any{
		object(event, "user"), object(event, "user_result"), object(object(event, "actor"), "user"), object(event, "group"),
		object(event, "entity"), object(event, "entity_result"), object(event, "resource"), object(event, "service"),
	} {
		if found != nil {
			Expect(found).To(Or(HaveKeyWithValue("name", Not(BeEmpty())), HaveKeyWithValue("uid", Not(BeEmpty()))))
		}
	}
	if event["actor"] != nil {
		Expect(object(event, "actor")).To(Or(HaveKey("user"), HaveKey("app_name")))
	}
}

// expectLine says that text is one line of JSON, with nothing in it that a terminal would act on, or a reader would not see.
func expectLine(line []byte) {
	GinkgoHelper()
	Expect(flaw(line)).To(BeEmpty(), "%q", line)
}

func flaw(line []byte) string {
	if !json.Valid(line) || len(line) == 0 || line[0] != '{' {
		return "no JSON object"
	}
	if !utf8.Valid(line) {
		return "no UTF-8"
	}
	for _, r := range string(line) {
		if !unicode.IsPrint(r) {
			return "a character that is not shown"
		}
	}
	return ""
}
