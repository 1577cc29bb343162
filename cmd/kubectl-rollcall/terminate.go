// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// terminateFlags are those of the command terminate.
type terminateFlags struct{ user, reason string }

func (t *tool) newTerminateCommand() *cobra.Command {
	var flags terminateFlags
	command := &cobra.Command{
		Use:   "terminate SESSION --reason TEXT",
		Short: "End a session, or all of a person's",
		Long: "End a session, or all of a person's, for good. Whoever it was can log in again, unless they are locked.\n\n" +
			"A certificate that was handed out cannot be called back: this tells what keeps it out, and until when it is valid.",
		Example: `  kubectl rollcall terminate alice-7wq2mxk4c5tdz3ab --reason "laptop lost"
  kubectl rollcall terminate --user alice --reason "INC-9: leaked key"

  # Keep them out, too
  kubectl rollcall lock user/alice --reason "INC-9: leaked key"`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: t.complete(activeSessions),
		RunE: func(command *cobra.Command, args []string) error {
			if (len(args) == 1) == (flags.user != "") {
				return errors.New("which session to end: SESSION, or --user NAME for all of theirs? See kubectl rollcall sessions")
			}
			if flags.reason == "" {
				return errors.New("say why, with --reason: whoever reviews this later will ask")
			}
			return t.terminate(command.Context(), args, flags)
		},
	}
	command.Flags().StringVar(&flags.user, "user", "", "all sessions of that User, but for those of kubeconfig Secrets")
	command.Flags().StringVar(&flags.reason, "reason", "", "why, for whoever reviews this later (required)")
	_ = command.RegisterFlagCompletionFunc("user", t.complete(people))
	return command
}

func (t *tool) terminate(ctx context.Context, args []string, flags terminateFlags) error {
	c, err := t.client()
	if err != nil {
		return err
	}
	list, err := toTerminate(ctx, c, args, flags.user)
	if err != nil {
		return err
	}
	me, err := caller(ctx, c)
	if err != nil {
		return err
	}
	for i := range list.Items {
		session := &list.Items[i]
		if err := t.terminateOne(ctx, c, session, v1alpha1.SessionTermination{By: me, Reason: flags.reason}); err != nil {
			return err
		}
		session.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("Session"))
	}
	if t.structured() {
		list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("SessionList"))
		return t.print(list, nil)
	}
	return nil
}

// toTerminate are the Session of a name, or those of a person that go on.
func toTerminate(ctx context.Context, c client.Client, args []string, user string) (*v1alpha1.SessionList, error) {
	if len(args) == 0 {
		list, err := sessionsOf(ctx, c, user)
		if err != nil {
			return nil, err
		}
		going := &v1alpha1.SessionList{}
		managed := ""
		for i := range list.Items {
			switch session := &list.Items[i]; {
			case over(session):
			case session.Spec.Custody == v1alpha1.CustodyServer:
				managed = session.Name // The operator would begin another at once.
			default:
				going.Items = append(going.Items, *session)
			}
		}
		if len(going.Items) == 0 && managed != "" {
			return nil, fmt.Errorf("the only session of user %s that goes on is %s, of a kubeconfig Secret, which the operator keeps fresh: "+
				"remove spec.kubeconfig, or keep the user out: kubectl rollcall lock user/%s", user, managed, user)
		}
		if len(going.Items) == 0 {
			return nil, fmt.Errorf("user %s has no session that goes on: see kubectl rollcall sessions %s --all", user, user)
		}
		return going, nil
	}
	list := &v1alpha1.SessionList{Items: make([]v1alpha1.Session, 1)}
	err := c.Get(ctx, client.ObjectKey{Name: args[0]}, &list.Items[0])
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("there is no session %q: see kubectl rollcall sessions", args[0])
	}
	return list, err
}

func (t *tool) terminateOne(ctx context.Context, c client.WithWatch, session *v1alpha1.Session, why v1alpha1.SessionTermination) error {
	if over(session) {
		t.sayf("session %s had ended%s", session.Name, endedHow(session))
	} else {
		if err := writeTermination(ctx, c, session, why); err != nil {
			return fmt.Errorf("end session %s: %w", session.Name, err)
		}
		t.sayf("session %s is told to end, by %s", session.Name, session.Spec.Termination.By)
	}
	seen, err := soon(ctx, c, session, &v1alpha1.SessionList{}, func() bool {
		condition := sessionActive(session)
		return condition != nil && condition.Status == metav1.ConditionFalse && condition.ObservedGeneration >= session.Generation
	})
	if err != nil {
		return err
	}
	if !seen {
		t.warnf("nobody has acted on it yet; see kubectl get session %s", session.Name)
	}
	t.layers(session, time.Now())
	return nil
}

// writeTermination ends the Session that was seen, and not another that has its name by now: its uid goes with the patch, and is
// immutable. A resourceVersion would do so too, and lose against an operator that writes the status all the time.
func writeTermination(ctx context.Context, c client.Client, session *v1alpha1.Session, why v1alpha1.SessionTermination) error {
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": session.UID}, "spec": map[string]any{"termination": why},
	})
	if err != nil {
		return err
	}
	err = c.Patch(ctx, session, client.RawPatch(types.MergePatchType, patch))
	if !apierrors.IsInvalid(err) {
		return err
	}
	now := &v1alpha1.Session{}
	if c.Get(ctx, client.ObjectKeyFromObject(session), now) != nil || now.UID != session.UID || now.Spec.Termination == nil {
		return err
	}
	*session = *now // Somebody else was faster.
	return nil
}

func endedHow(session *v1alpha1.Session) string {
	how := ""
	if session.Status.EndReason != "" {
		how = " (" + session.Status.EndReason + with(", by ", session.Status.EndedBy) + ")"
	}
	return how
}

// layers says what keeps the certificates of a Session out by now, and what does not.
func (t *tool) layers(session *v1alpha1.Session, now time.Time) {
	for _, layer := range []struct{ condition, holds, missing string }{
		{v1alpha1.ConditionRenewalRefused, "no certificate is renewed", "not known to refuse renewals yet"},
		{v1alpha1.ConditionBindingsWithdrawn, "no binding names the user", "bindings name the user, who stays active"},
		{v1alpha1.ConditionCredentialDenied, "API servers ask, and every request is denied", "API servers do not ask about certificates"},
		{v1alpha1.ConditionWritesDenied, "a lock denies its writes", "no lock denies its writes"},
		{v1alpha1.ConditionCertificatesExpired, "its certificates have expired", "a certificate is still valid"},
	} {
		t.sayf("  %s", layerLine(meta.FindStatusCondition(session.Status.Conditions, layer.condition), layer.holds, layer.missing))
	}
	last := session.ValidUntil()
	switch {
	case last.IsZero() || !now.Before(last):
		t.sayf("no certificate of it is valid any more")
	case meta.IsStatusConditionTrue(session.Status.Conditions, v1alpha1.ConditionCredentialDenied):
		t.sayf("its last certificate is valid until %s, and denied wherever API servers ask", until(last, now))
	default:
		t.sayf("its last certificate works until %s, for what bindings give %s", until(last, now), session.Spec.Username)
		t.sayf("to deny its writes until then: kubectl rollcall lock session/%s --reason ...", session.Name)
		t.sayf("to keep the person out: kubectl rollcall lock user/%s --reason ...", session.Spec.UserRef.Name)
	}
}

// layerLine is what the operator says of a layer, which knows more than what is said here.
func layerLine(condition *metav1.Condition, holds, missing string) string {
	switch {
	case condition == nil || condition.Status == metav1.ConditionUnknown:
		return "?  not known yet: " + holds
	case condition.Status == metav1.ConditionTrue:
		return "✓  " + cmp.Or(condition.Message, holds)
	default:
		return "✗  " + cmp.Or(condition.Message, missing)
	}
}
