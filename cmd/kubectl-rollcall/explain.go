// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/answers"
	"github.com/rollcall-iam/rollcall/internal/attribution"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

func (t *tool) newExplainCommand() *cobra.Command {
	file := ""
	command := &cobra.Command{
		Use:   "explain AUDIT-ID | -f FILE",
		Short: "Lead from a line of the audit log to the person, their session, and who let them",
		Long: `Lead from a line of the API server's audit log to the person, by the directory's id; to the session and certificate by which
they came, and how they had proved who they were; and to the binding that allowed it, with the grant, the request and the approvers
behind it, as they were then.

The operator must run with --audit-bind-address. AUDIT-ID is what the API server sent as header Audit-ID, and wrote into its audit log.`,
		Example: `  kubectl rollcall explain 5a2f0b8e-2f0c-4f0e-9d5b-0d4a3b1c2d3e

  # Lines of the audit log itself, whether the operator has them or not
  grep secrets/db audit.log | kubectl rollcall explain -f -
  kubectl rollcall explain -f event.json -o yaml`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(command *cobra.Command, args []string) error {
			if (len(args) == 1) == (file != "") {
				return errors.New("name either an audit id, or a file with events by -f")
			}
			if file != "" {
				return t.explainFile(command.Context(), file)
			}
			return t.explainID(command.Context(), args[0])
		},
	}
	command.Flags().StringVarP(&file, "filename", "f", "", "file with events in JSON, one after the other; - for standard input")
	return command
}

func (t *tool) explainID(ctx context.Context, auditID string) error {
	a, err := t.auditor(ctx)
	if err != nil {
		return err
	}
	found, err := a.explain(ctx, auditID)
	if err != nil {
		return err
	}
	if err := t.print(found, func(w *tableWriter) { explanationRows(w, found) }); err != nil {
		return err
	}
	if len(found.Items) > 1 || found.More {
		t.warnf("Several events have this audit id: clients may choose it, and a request may have several stages.")
	}
	if found.More {
		t.warnf("There are more of them, which are older: see kubectl rollcall activity of whoever it is.")
	}
	return nil
}

func (t *tool) explainFile(ctx context.Context, file string) error {
	from := t.streams.In
	if file != "-" {
		opened, err := os.Open(file) //nolint:gosec // Whoever runs this says which file.
		if err != nil {
			return err
		}
		defer func() { _ = opened.Close() }()
		from = opened
	}
	a, err := t.auditor(ctx)
	if err != nil {
		return err
	}
	all := &wire.Explained{Items: []wire.ExplainedEvent{}}
	err = eachEvent(from, func(event []byte) error {
		found, err := a.explainEvent(ctx, event)
		if err == nil {
			all.Items = append(all.Items, found.Items...)
		}
		return err
	})
	if err != nil {
		return err
	}
	return t.print(all, func(w *tableWriter) { explanationRows(w, all) })
}

// eachEvent calls a function for each value of JSON: events on a line each, or one that is spread over many.
func eachEvent(from io.Reader, do func(event []byte) error) error {
	decoder := json.NewDecoder(from)
	for number := 1; ; number++ {
		var event json.RawMessage
		err := decoder.Decode(&event)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("event %d: no JSON: %w", number, err)
		}
		if err := do(event); err != nil {
			return fmt.Errorf("event %d: %w", number, err)
		}
	}
}

func explanationRows(w *tableWriter, found *wire.Explained) {
	for i := range found.Items {
		if i > 0 {
			w.Row()
		}
		explanationRow(w, &found.Items[i])
	}
}

// explanationRow tells one event: what, who, with what, by what.
func explanationRow(w *tableWriter, x *wire.ExplainedEvent) {
	e := x.Event
	answered := ""
	if e.Code != 0 {
		answered = fmt.Sprintf(" -> %d", e.Code)
	}
	w.Row(fmt.Sprintf("%s  %s%s", stamp(e.Time.Time), e.Action, answered))
	section := section{w: w}
	section.rowf("what", "%s, stage %s", e.RequestURI, e.Stage)
	section.rowf("", "audit id %s%s", e.AuditID, toldBy(x.Record))
	section.rowf("from", "%s, %s", strings.Join(e.SourceIPs, ", "), e.UserAgent)
	section.rowf("who", "%s", actor(x.Actor))
	if x.ActedAs != nil {
		section.rowf("as", "%s", actor(*x.ActedAs))
	}
	credentialRows(section, x)
	authorizationRows(section, x.Authorization)
	for _, r := range x.Remarks {
		section.rowf("note", "%s: %s", r.Reason, r.Message)
	}
}

// section writes rows with a label before.
type section struct{ w *tableWriter }

func (s section) rowf(label, format string, args ...any) {
	s.w.Row("  "+label, fmt.Sprintf(format, args...))
}

func toldBy(record *wire.Record) string {
	if record == nil {
		return ", not kept"
	}
	text := fmt.Sprintf(", told by %s, kept in %s line %d", record.Server, record.Received.UTC().Format(metav1.RFC3339Micro), record.Line)
	if record.Entry != nil {
		text += fmt.Sprintf(", which entry %d of the ledger seals", *record.Entry)
	}
	return text
}

func actor(a attribution.Actor) string {
	if a.Kind != attribution.Person {
		return fmt.Sprintf("%s (%s)", a.Username, a.Kind)
	}
	text := a.Username + ": User " + a.User
	if a.DisplayName != "" {
		text += " (" + a.DisplayName + ")"
	}
	if a.Directory != "" {
		text += ", of Directory " + a.Directory
	}
	if a.IdentityID != "" {
		text += ", identity " + a.IdentityID
	}
	return text
}

func credentialRows(s section, x *wire.ExplainedEvent) {
	if c := x.Certificate; c != nil {
		s.rowf("with", "certificate %s", c.Fingerprint)
		if c.NotBefore != nil && c.NotAfter != nil {
			s.rowf("", "serial %s, %s to %s", c.SerialNumber, stamp(c.NotBefore.Time), stamp(c.NotAfter.Time))
		}
	}
	session := x.Session
	if session == nil {
		return
	}
	s.rowf("in", "Session %s, began %s%s", session.Name, stamp(session.Began.Time), sessionEnd(session))
	s.rowf("", "%s", proven(session))
	if session.KeyFingerprint != "" {
		s.rowf("", "key %s, %s", session.KeyFingerprint, kept(session))
	} else {
		s.rowf("", "%s", kept(session))
	}
}

func sessionEnd(session *attribution.Session) string {
	if session.Ended == nil {
		return ""
	}
	text := fmt.Sprintf(", ended %s (%s", stamp(session.Ended.Time), session.EndReason)
	if session.EndedBy != "" {
		text += " by " + session.EndedBy
	}
	return text + ")"
}

func proven(session *attribution.Session) string {
	proof := session.Authentication
	parts := []string{fmt.Sprintf("proven by %s at %s", proof.Method, stamp(proof.Time.Time))}
	for _, part := range []struct{ name, value string }{
		{"issuer", proof.Issuer}, {"subject", proof.Subject}, {"acr", proof.ACR}, {"amr", strings.Join(proof.AMR, " ")},
	} {
		if part.value != "" {
			parts = append(parts, part.name+" "+part.value)
		}
	}
	return strings.Join(parts, ", ")
}

// kept says where the key is.
func kept(session *attribution.Session) string {
	if session.Custody == v1alpha1.CustodyServer {
		return "made by the operator, in a Secret"
	}
	return "on " + cmp.Or(session.Device, "a device without a name") + ", and never left it"
}

func authorizationRows(s section, a attribution.Authorization) {
	if a.Binding == nil {
		s.rowf("by", "%s", cmp.Or(a.Reason, string(a.Verdict)))
		return
	}
	managed := ""
	if a.Via == answers.ViaUnmanaged {
		managed = ", which Rollcall does not manage"
	}
	s.rowf("by", "%s %s%s", a.Binding.Kind, strings.TrimPrefix(a.Binding.Namespace+"/"+a.Binding.Name, "/"), managed)
	s.rowf("", "%s %s, to %s %s", a.Role.Kind, a.Role.Name, a.Subject.Kind, strings.TrimPrefix(a.Subject.Namespace+"/"+a.Subject.Name, "/"))
	if g := a.Grant; g != nil {
		s.rowf("", "Grant %s, generation %d%s%s", g.Name, g.Generation, reasons(g.Reason, ""), untilTime(g.Until))
	}
	if r := a.Request; r != nil {
		s.rowf("", "AccessRequest %s%s%s", r.Name, reasons(r.Reason, r.Ticket), untilTime(r.Until))
		for _, approval := range r.Approvals {
			text := "approved by " + approval.Approver
			if !approval.Time.IsZero() {
				text += " at " + stamp(approval.Time.Time)
			}
			s.rowf("", "%s", text)
		}
	}
}

func reasons(reason, ticket string) string {
	text := ""
	if ticket != "" {
		text = ", ticket " + ticket
	}
	if reason != "" {
		text += fmt.Sprintf(": %q", reason)
	}
	return text
}

func untilTime(t *metav1.Time) string {
	if t == nil {
		return ""
	}
	return ", until " + stamp(t.Time)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
