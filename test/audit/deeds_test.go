// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"context"
	"os"
	"regexp"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/answers"
	"github.com/rollcall-iam/rollcall/internal/attribution"
	"github.com/rollcall-iam/rollcall/internal/evidence"
	"github.com/rollcall-iam/rollcall/internal/wire"
	"github.com/rollcall-iam/rollcall/test/person"
)

// deed is what somebody did with one kubectl command: what the specs know, whatever is logged of it.
type deed struct {
	who string
	// allowed says by what: a Grant, or a request; empty where it was not.
	grant, request string
	// resource and namespace that the command is about; other requests of it look around.
	resource, namespace string
}

// auditIDs are what the API server called each request, as kubectl saw it.
var auditIDs = regexp.MustCompile(`Audit-Id: ([0-9a-f-]{36})`)

// works runs a command and notes, for each of its requests, what was done.
func works(ctx context.Context, p *person.Person, deeds map[string]deed, d deed, args ...string) {
	GinkgoHelper()
	out, err := p.Kubectl(ctx, append(args, "-v=8")...).CombinedOutput()
	if d.grant == "" {
		Expect(err).To(HaveOccurred(), string(out))
	} else {
		Expect(err).NotTo(HaveOccurred(), string(out))
	}
	found := auditIDs.FindAllStringSubmatch(string(out), -1)
	Expect(found).NotTo(BeEmpty(), string(out))
	d.who = p.Name
	for _, id := range found {
		deeds[id[1]] = d
	}
}

func bundled(file string) evidence.Bundle {
	GinkgoHelper()
	opened, err := os.Open(file)
	Expect(err).NotTo(HaveOccurred())
	defer func() { _ = opened.Close() }()
	b, err := evidence.Read(opened)
	Expect(err).NotTo(HaveOccurred())
	return b
}

// expectPerson compares who did it.
func expectPerson(ctx context.Context, w *world, x *wire.ExplainedEvent, who string) {
	GinkgoHelper()
	session := w.session(ctx, who)
	id, err := w.directory.PersonID(who)
	Expect(err).NotTo(HaveOccurred())
	Expect(x.Actor).To(And(HaveField("User", who), HaveField("Kind", attribution.Person), HaveField("Directory", corp),
		HaveField("IdentityID", id)))
	Expect(x.Session).To(HaveValue(And(HaveField("Name", session.Name), HaveField("UID", string(session.UID)),
		HaveField("Device", who+"s-laptop"), HaveField("Custody", v1alpha1.CustodyClient))))
	Expect(session.Status.Certificates).To(ContainElement(HaveField("Fingerprint", x.Certificate.Fingerprint)))
	Expect(x.Remarks).To(BeEmpty())
}

// expectWay compares what allowed it.
func expectWay(x *wire.ExplainedEvent, d deed) {
	GinkgoHelper()
	about := x.Event.Action
	if about.Resource != d.resource || about.Namespace != d.namespace {
		Expect(x.Authorization.Grant).To(BeNil(), "discovery is everybody's: %s", about)
		return
	}
	switch {
	case d.grant == "":
		Expect(x.Authorization).To(And(HaveField("Verdict", attribution.Forbidden), HaveField("Grant", BeNil())), "%s", about)
		Expect(x.Event.Code).To(BeEquivalentTo(403))
	case d.request == "":
		Expect(x.Authorization).To(And(HaveField("Via", answers.ViaGrant), HaveField("Grant.Name", d.grant)), "%s", about)
	default:
		Expect(x.Authorization).To(And(HaveField("Via", answers.ViaRequest), HaveField("Grant.Name", d.grant),
			HaveField("Request.Name", d.request)), "%s", about)
	}
}
