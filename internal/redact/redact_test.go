// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package redact_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rollcall-iam/rollcall/config"
	"github.com/rollcall-iam/rollcall/internal/redact"
)

func TestRedact(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Redaction")
}

func key() []byte { return []byte("a key of this spec") }

// user is one as the operator leaves it.
func user(object, login, display, mail, id string) map[string]any {
	return map[string]any{
		"apiVersion": "iam.rollcall.dev/v1alpha1", "kind": "User", "metadata": map[string]any{"name": object},
		"spec": map[string]any{
			"userName": login,
			"devices":  []any{map[string]any{"name": login + "s-laptop", "publicKey": "ssh-ed25519 AAAAC3NzaC1lZDI1 " + login + "@home"}},
		},
		"status": map[string]any{
			"username": "corp:" + login,
			"identity": map[string]any{"id": id, "displayName": display, "email": mail, "state": "Present"},
		},
	}
}

const aliceID = "5d1f6a0e-3c0e-4a8e-9d1c-1b2e3f4a5b6c"

func alice() map[string]any {
	return user("alice", "alice", "Alice Archer", "alice.archer@corp.example", aliceID)
}

func knowing(objects ...map[string]any) *redact.Redactor {
	r := redact.New(key(), false)
	for _, object := range objects {
		r.Learn(object)
	}
	return r
}

var _ = Describe("People", func() {
	var (
		r   *redact.Redactor
		who string
	)
	BeforeEach(func() {
		r = knowing(alice())
		who = r.Pseudonym("person", "alice")
	})

	DescribeTable("are replaced in text", func(given, want string) {
		Expect(r.Text(given)).To(Equal(strings.ReplaceAll(want, "WHO", who)))
	},
		Entry("by login name", "alice may not", "WHO may not"),
		Entry("in any case", "ALICE, Alice", "WHO, WHO"),
		Entry("behind a prefix", `User "corp:alice" cannot`, `User "corp:WHO" cannot`),
		Entry("within a name made of theirs", "alice-7wq2mxk4", "WHO-7wq2mxk4"),
		Entry("by mail address", "to alice.archer@corp.example.", "to WHO-mail."),
		Entry("by its first part", "home of alice.archer", "home of WHO"),
		Entry("by their whole name", "says Alice Archer", "says WHO"),
		Entry("by a part of it", "Mrs Archer says", "Mrs WHO says"),
		Entry("by the directory's id", "id="+aliceID, "id=WHO-id"),
		Entry("in JSON, behind an escape", `{"error":"no\nalice\tis\u0020alice"}`, `{"error":"no\nWHO\tis\u0020WHO"}`),
		Entry("in a URL, behind an escape", "/users?u=corp%3Aalice&x", "/users?u=corp%3AWHO&x"),
		Entry("behind a domain's backslash", `CORP\alice`, `CORP\WHO`),
		Entry("but not within words", "malice and alice2, Archery", "malice and alice2, Archery"),
		Entry("nor where a longer name only begins like theirs", "Alice Archery", "WHO Archery"),
		Entry("and not where a part of a name is a word in small letters", "an archer", "an archer"),
	)

	It("are replaced by their DN, and by an address that nobody is known by", func() {
		text := r.Text("entry uid=bob,ou=people,dc=corp,dc=example (CN=Bob Builder\\, Jr,OU=Staff,DC=corp) mail bob@other.example, Bob")
		Expect(text).To(MatchRegexp(`^entry dn-[0-9a-f]{10} \(dn-[0-9a-f]{10}\) mail mail-[0-9a-f]{10}, Bob$`))
	})

	DescribeTable("are replaced by their DN, however it is written:", func(dn string) {
		Expect(r.Text("the entry " + dn + ` is away`)).To(MatchRegexp(`^the entry dn-[0-9a-f]{10} is away$`))
	},
		Entry("with an escaped comma", `CN=Builder\, Bob,OU=Staff,DC=corp`),
		Entry("with one in JSON", `CN=Builder\\, Bob,OU=Staff,DC=corp`),
		Entry("with one in JSON in JSON", `CN=Builder\\\\, Bob,OU=Staff,DC=corp`),
		Entry("with parentheses", `CN=Bob Builder (Contractor),OU=Staff (ext),DC=corp`),
		Entry("with spaces", `CN=Bob Builder,OU=Human Resources,DC=corp`),
		Entry("with two names", `CN=Bob Builder+UID=bob,OU=Staff,DC=corp`),
		Entry("with quotes in JSON", `CN=Bob \\\"Bob\\\" Builder,OU=Staff,DC=corp`),
	)

	It("are not found by the IP addresses of their machines, which have pseudonyms of their own", func() {
		v4, v6 := r.Pseudonym("ip", "10.20.30.40"), r.Pseudonym("ip", "2001:db8::7")
		for given, want := range map[string]string{
			`{"remote":"10.20.30.40","n":1}`: `{"remote":"` + v4 + `","n":1}`,
			"10.20.30.40:51234 said":         v4 + ":51234 said",
			"from 10.20.30.40.":              "from " + v4 + ".",
			`a\n10.20.30.40\n`:               `a\n` + v4 + `\n`,
			"12:30:10.20.30.40":              "12:30:" + v4,
			"::ffff:10.20.30.40":             v4,
			"[2001:db8::7]:443, 2001:DB8:0::7, 2001:db8:0:0:0:0:0:7": "[" + v6 + "]:443, " + v6 + ", " + v6,
			`\u00202001:db8::7`:                                  `\u0020` + v6,
			"http://10.20.30.40/x":                               "http://" + v4 + "/x",
			"10.20.30.40/32":                                     v4 + "/32",
			"127.0.0.1:1, [::1]:2, 0.0.0.0:3, [::]:4":            "127.0.0.1:1, [::1]:2, 0.0.0.0:3, [::]:4",
			"v1.37.2 1.2.3.4.5 v1.2.3.4 2026-07-01T12:00:00Z":    "v1.37.2 1.2.3.4.5 v1.2.3.4 2026-07-01T12:00:00Z",
			"a::b:c SHA aa:bb:cc:dd:ee:ff:00:11:22:33 999.1.1.1": r.Text("a::b:c") + " SHA aa:bb:cc:dd:ee:ff:00:11:22:33 999.1.1.1",
			"Foo::add": "Foo::add",
		} {
			Expect(r.Text(given)).To(Equal(want), given)
		}
		Expect(redact.New(key(), true).Text("10.20.30.40")).To(Equal("10.20.30.40"), "where names are kept")
	})

	It("are the same wherever they are named, and not with another key", func() {
		Expect(knowing(alice()).Text("alice")).To(Equal(who))
		other := redact.New([]byte("another key"), false)
		other.Learn(alice())
		Expect(other.Text("alice")).NotTo(Equal(who))
	})

	It("keep their names where that is wanted, and no secrets", func() {
		r := redact.New(key(), true)
		r.Learn(alice())
		Expect(r.Text("alice alice.archer@corp.example Bearer abcdefghijkl")).To(Equal("alice alice.archer@corp.example Bearer (left out)"))
	})

	It("are known by longer names first", func() {
		called := func(name string) map[string]any { return user(name, name, "", "", "") }
		r := knowing(called("ann"), called("ann-marie"), called("ann-marie-lou"))
		Expect(r.Text("ann-marie")).To(Equal(r.Pseudonym("person", "ann-marie")))
		Expect(r.Text("ann-marie-lou")).To(Equal(r.Pseudonym("person", "ann-marie-lou")))
		Expect(r.Text("ann")).To(Equal(r.Pseudonym("person", "ann")))
	})

	It("are found whose login name is a part of somebody's whole name", func() {
		r := knowing(user("x", "x1", "May Lee", "", ""), user("may", "may", "", "", ""))
		Expect(r.Text("corp:may")).To(Equal("corp:" + r.Pseudonym("person", "may")))
	})

	It("are known from other kinds, where their User is gone", func() {
		for _, object := range []map[string]any{
			{"kind": "Session", "spec": map[string]any{"userRef": map[string]any{"name": "zed"}, "username": "corp:zed"}},
			{"kind": "Approval", "spec": map[string]any{"approver": "corp:zed"}},
			{"kind": "AccessRequest", "status": map[string]any{"approvals": []any{map[string]any{"approver": "zed"}}}},
			{"kind": "Grant", "spec": map[string]any{"subjects": []any{map[string]any{"kind": "User", "name": "zed"}}}},
			{"kind": "Grant", "spec": map[string]any{"request": map[string]any{
				"approvers": []any{map[string]any{"kind": "User", "name": "zed"}},
			}}},
			{"kind": "Group", "spec": map[string]any{"members": []any{"zed"}}},
			{"kind": "Lock", "spec": map[string]any{"target": map[string]any{"kind": "User", "name": "zed"}}},
			{"kind": "ClusterRoleBinding", "subjects": []any{map[string]any{"kind": "User", "name": "corp:zed"}}},
		} {
			r := knowing(object)
			Expect(r.Text("zed!")).To(Equal(r.Pseudonym("person", "zed")+"!"), fmt.Sprint(object))
		}
	})

	It("are not groups, which keep their names", func() {
		group := map[string]any{"kind": "Group", "name": "payments"}
		r := knowing(map[string]any{"kind": "Grant", "spec": map[string]any{"subjects": []any{group}}})
		Expect(r.Text("payments")).To(Equal("payments"))
	})
})

var _ = DescribeTable("Secrets are taken out of text:", func(given, want string) {
	Expect(redact.New(key(), true).Text(given)).To(Equal(want))
},
	Entry("a private key", "a -----BEGIN EC PRIVATE KEY-----\nMHcCAQ==\n-----END EC PRIVATE KEY----- b", "a (left out) b"),
	Entry("one that breaks off", "-----BEGIN PRIVATE KEY-----\\nMHcC", "(left out)"),
	Entry("one in base64", "key: LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCk1IYw==", "key: (left out)"),
	Entry("a token", "got eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl!", "got (left out)!"),
	Entry("a header", "Authorization: Bearer abcDEF123-_~+/=", "Authorization: Bearer (left out)"),
	Entry("whoever is in a URL", "ldaps://cn=admin:s3cr3t@ldap.example:636/x", "ldaps://(left out)@ldap.example:636/x"),
	Entry("a password with an at sign in it", "postgres://u:p@ss@db/audit", "postgres://(left out)@db/audit"),
	Entry("a URL without anybody", "https://login.example.com/a@b", "https://login.example.com/a@b"),
	Entry("a password in a flag", "--password=hunter2 --x", "--password=(left out) --x"),
	Entry("a password in JSON", `{"password":"hunter2"}`, `{"password":"(left out)"}`),
	Entry("one in JSON in JSON", `"{\"clientSecret\":\"hunter2\"}"`, `"{\"clientSecret\":\"(left out)\"}"`),
	Entry("a password with a comma", "password=a,b;c&d'e f", "password=(left out) f"),
	Entry("a password in quotes", `password="a, b" c`, `password="(left out)" c`),
	Entry("one with a quote in it", `{"password":"a\"b","x":1}`, `{"password":"(left out)","x":1}`),
	Entry("one with a backslash at its end", `{"password":"a\\","x":1}`, `{"password":"(left out)","x":1}`),
	Entry("one with a quote in it, in JSON in JSON", `"{\"password\":\"a\\\"b\",\"x\":1}"`, `"{\"password\":\"(left out)\",\"x\":1}"`),
	Entry("one with a backslash", `password=a\\b c`, `password=(left out) c`),
	Entry("one before the next line, in JSON", `{"msg":"password=ab\nnext"}`, `{"msg":"password=(left out)\nnext"}`),
	Entry("one that breaks off", `{"password":"hunter`, `{"password":"(left out)`),
	Entry("a password in LDIF", "userPassword:: c2Vj\n cmV0\nuid: x", "userPassword:: (left out)\nuid: x"),
	Entry("a secret", "secret=hunter2 x", "secret=(left out) x"),
	Entry("a secret in JSON", `{"secret":"hunter2"}`, `{"secret":"(left out)"}`),
	Entry("short words for it", "pwd=a1 bindpw=b2 pass=c3 DB_PASS=d4", "pwd=(left out) bindpw=(left out) pass=(left out) DB_PASS=(left out)"),
	Entry("but no Secret's name", "read Secret: corp-bind, compass: north", "read Secret: corp-bind, compass: north"),
	Entry("a public key", "key ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 alice@laptop", "key (left out)"),
	Entry("and nothing else", "the Secret corp-bind has no key password", "the Secret corp-bind has no key password"),
)

var _ = Describe("An object", func() {
	It("loses what is not to be handed on, and keeps the rest", func() {
		object := map[string]any{
			"apiVersion": "apps/v1", "kind": "User",
			"metadata": map[string]any{
				"name": "alice", "managedFields": []any{map[string]any{"manager": "kubectl"}}, "generation": int64(3),
				"labels": map[string]any{"iam.rollcall.dev/user": "alice", "alice": "x"},
				"annotations": map[string]any{
					"kubectl.kubernetes.io/last-applied-configuration": `{"spec":{}}`, "vault.example/token": "hunter2",
					"iam.rollcall.dev/accept-loss": "0b5e55ed",
				},
			},
			"spec": map[string]any{
				"url": "ldaps://u:p@h", "baseDN": "cn=people,dc=corp,dc=example", "bindSecretRef": map[string]any{"name": "corp-bind"},
				"env": []any{
					map[string]any{"name": "PGPASSWORD", "value": "hunter2"}, map[string]any{"name": "A", "valueFrom": map[string]any{"x": "y"}},
				},
				"template": map[string]any{"metadata": map[string]any{
					"managedFields": []any{"x"}, "annotations": map[string]any{
						"vault.example/token": "hunter2", "iam.rollcall.dev/x": "alice", "a/last-applied-configuration": "x",
					},
				}},
				"annotations": map[string]any{"a": "b"},
				"data":        map[string]any{"password": "hunter2"}, "publicKey": "ssh-ed25519 x", "reason": "for Alice Archer",
			},
			"status": map[string]any{"conditions": []any{map[string]any{
				"type": "Ready", "status": "False", "reason": "Alice", "message": "alice is away", "lastTransitionTime": "2026-07-01T12:00:00Z",
			}}},
		}
		before, err := json.Marshal(object)
		Expect(err).NotTo(HaveOccurred())
		r := knowing(alice())
		who := r.Pseudonym("person", "alice")
		Expect(r.Object(object)).To(Equal(map[string]any{
			"apiVersion": "apps/v1", "kind": "User",
			"metadata": map[string]any{
				"name": who, "generation": int64(3), "labels": map[string]any{"iam.rollcall.dev/user": who, who: "x"},
				"annotations": map[string]any{"vault.example/token": redact.LeftOut, "iam.rollcall.dev/accept-loss": "0b5e55ed"},
			},
			"spec": map[string]any{
				"url": "ldaps://(left out)@h", "baseDN": "cn=people,dc=corp,dc=example", "bindSecretRef": map[string]any{"name": "corp-bind"},
				"env": []any{
					map[string]any{"name": "PGPASSWORD", "value": redact.LeftOut}, map[string]any{"name": "A", "valueFrom": map[string]any{"x": "y"}},
				},
				"template": map[string]any{"metadata": map[string]any{
					"annotations": map[string]any{"vault.example/token": redact.LeftOut, "iam.rollcall.dev/x": who},
				}},
				"annotations": map[string]any{"a": "b"},
				"data":        redact.LeftOut, "publicKey": redact.LeftOut, "reason": "for " + who,
			},
			"status": map[string]any{"conditions": []any{map[string]any{
				"type": "Ready", "status": "False", "reason": "Alice", "message": who + " is away", "lastTransitionTime": "2026-07-01T12:00:00Z",
			}}},
		}))
		after, err := json.Marshal(object)
		Expect(err).NotTo(HaveOccurred())
		Expect(after).To(Equal(before), "it is left as it is")
	})
})

// harmless are the fields of the kinds, by the last part of their paths, that name nobody: what is personal in them is found as text.
func harmless() []string {
	return []string{
		"acr", "amr", "apiVersion", "attribute", "attributes", "baseDN", "caBundle", "clientID", "comment", "cookies", "credentials",
		"endReason",
		"filter", "fingerprint", "grants", "groupName", "groupPrefix", "groups", "issuer", "issuerURL", "key", "keyFingerprint", "kind",
		"loginURL", "matchLabels", "message", "names", "namespace", "nextFingerprint", "operator", "position", "predecessor", "publicKey",
		"reason", "requireTicket", "scopes", "serialNumber", "session", "signer", "source", "ticket", "token", "type", "uid", "url",
		"userNameClaim", "usernamePrefix", "values", "version",
	}
}

// references name objects that are no people.
func references() *regexp.Regexp {
	return regexp.MustCompile(`(directoryRef|[sS]ecretRef|grantRef|requestRef|roleRef|applied|groups|approvals)\.name$` +
		`|^Group:status\.id$|^Directory:spec\.ldap\.`)
}

// strings of a schema that can hold anything, by their paths.
func texts(schema map[string]any, at string, visit func(path string)) {
	properties, _ := schema["properties"].(map[string]any)
	for name, property := range properties {
		if property, ok := property.(map[string]any); ok {
			texts(property, strings.TrimPrefix(at+"."+name, "."), visit)
		}
	}
	for _, inner := range []string{"items", "additionalProperties"} {
		if schema, ok := schema[inner].(map[string]any); ok {
			texts(schema, at, visit)
		}
	}
	if schema["type"] == "string" && schema["enum"] == nil && schema["format"] != "date-time" {
		visit(at)
	}
}

var _ = It("Every field of the kinds is known to name people, or not to", func() {
	objects, err := config.Read()
	Expect(err).NotTo(HaveOccurred())
	personal, seen := redact.Personal(), map[string]bool{"User:metadata.name": true}
	for i := range objects.Kinds {
		kind, _, _ := unstructured.NestedString(objects.Kinds[i].Object, "spec", "names", "kind")
		versions, _, _ := unstructured.NestedSlice(objects.Kinds[i].Object, "spec", "versions")
		version, _ := versions[0].(map[string]any)
		schema, _, _ := unstructured.NestedMap(version, "schema", "openAPIV3Schema")
		texts(schema, "", func(path string) {
			full, leaf := kind+":"+path, path[strings.LastIndex(path, ".")+1:]
			if slices.Contains(personal, full) {
				seen[full] = true
				return
			}
			Expect(slices.Contains(harmless(), leaf) || references().MatchString(full)).To(BeTrue(),
				"%s is new: say in fields() that it names people, or here that it does not", full)
		})
	}
	for _, path := range personal {
		if !strings.Contains(path, "Binding:") {
			Expect(seen).To(HaveKey(path), "there is such a field")
		}
	}
})

// stands says whether a name stands by itself in text. It is another way to find it than the one that is tested.
func stands(text, name string) bool {
	if !strings.Contains(strings.ToLower(text), strings.ToLower(name)) {
		return false
	}
	return regexp.MustCompile(`(?i)(?:^|[^\pL\pM\pN])` + regexp.QuoteMeta(name) + `(?:$|[^\pL\pM\pN])`).MatchString(text)
}

var _ = It("Nobody of a random company is named in anything that is redacted", func() {
	seed := GinkgoRandomSeed()
	random := rand.New(rand.NewPCG(uint64(seed), 1))
	letters := []rune("abdefghijklmnoprstuvwxyzàéøß王小明")
	invent := func(least int) string {
		text := make([]rune, least+random.IntN(6))
		for i := range text {
			text[i] = letters[random.IntN(len(letters))]
		}
		return string(text)
	}
	const count = 200
	people, names := make([]map[string]any, 0, count), make([]string, 0, 4*count)
	for range count {
		first, last := invent(4), invent(4)
		login := []string{first + "." + last, first, first + "-" + last, "x" + first + "9", strings.ToUpper(first[:1]) + last}[random.IntN(5)]
		mail, id := login+"@"+invent(3)+".example", invent(8)+"-"+invent(8)
		display := strings.ToUpper(string([]rune(first)[:1])) + string([]rune(first)[1:]) + " " + last
		people = append(people, user(strings.ToLower(login), login, display, mail, id))
		names = append(names, login, mail, id, display)
	}
	r := knowing(people...)
	joints := []string{" ", ":", "/", "\"", "\\n", "\\", "%3A", "%2f", "-", ".", "_", "\n", "=", ",", "@", "'", "<", "(", "\\u0020", "–"}
	for range 3000 {
		var text strings.Builder
		used := make([]string, 1+random.IntN(4))
		for i := range used {
			used[i] = names[random.IntN(len(names))]
			text.WriteString(joints[random.IntN(len(joints))] + used[i])
		}
		text.WriteString(joints[random.IntN(len(joints))] + "end")
		for _, name := range used {
			Expect(stands(r.Text(text.String()), name)).To(BeFalse(), "seed %d: %q in %q", seed, name, text.String())
		}
	}
	for _, person := range people {
		text, err := json.Marshal(r.Object(person))
		Expect(err).NotTo(HaveOccurred())
		for _, name := range names {
			Expect(stands(string(text), name)).To(BeFalse(), "seed %d: %q in %s", seed, name, text)
		}
	}
})

func FuzzText(f *testing.F) {
	for _, text := range []string{
		"", "alice", "xalice", "Alice Archer's", "\\nalice", "%3aalice", "a\xffalice", "eyJhbGci.eyJz.x", "uid=alice,dc=x",
	} {
		f.Add(text)
	}
	r := redact.New(key(), false)
	r.Learn(alice())
	f.Fuzz(func(t *testing.T, text string) {
		for _, name := range []string{"alice", "alice.archer@corp.example", aliceID, "Alice Archer"} {
			if redacted := r.Text(text); stands(redacted, name) {
				t.Fatalf("%q became %q, which names %q", text, redacted, name)
			}
			if redacted := r.Text(text + " " + name + ","); stands(redacted, name) {
				t.Fatalf("%q and %q became %q", text, name, redacted)
			}
		}
	})
}
