// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

func (t *tool) newApproveCommand() *cobra.Command {
	return t.newDecisionCommand(v1alpha1.DecisionApprove, &cobra.Command{
		Use:   "approve REQUEST",
		Short: "Approve a request for access",
		Example: `  # What waits for somebody to approve it
  kubectl rollcall requests --pending

  kubectl rollcall approve payments-admin-7wq2m --comment "go ahead"`,
	})
}

func (t *tool) newDenyCommand() *cobra.Command {
	return t.newDecisionCommand(v1alpha1.DecisionDeny, &cobra.Command{
		Use:     "deny REQUEST",
		Short:   "Deny a request for access, or end one that is active",
		Example: `  kubectl rollcall deny payments-admin-7wq2m --comment "use the staging cluster"`,
	})
}

func (t *tool) newDecisionCommand(decision v1alpha1.Decision, command *cobra.Command) *cobra.Command {
	comment := ""
	command.Long = command.Short + ".\n\nThis shows what the request is about and records your decision, as an Approval. " +
		"If the decision does not count, it says why, and exits with 1."
	command.Args = exactly("REQUEST: which one? See kubectl rollcall requests --pending")
	command.ValidArgsFunction = t.complete(openRequests)
	command.RunE = func(command *cobra.Command, args []string) error {
		return t.decide(command.Context(), args[0], decision, comment)
	}
	command.Flags().StringVar(&comment, "comment", "", "why you decide so")
	return command
}

func (t *tool) decide(ctx context.Context, name string, decision v1alpha1.Decision, comment string) error {
	c, err := t.client()
	if err != nil {
		return err
	}
	request := &v1alpha1.AccessRequest{}
	if err := c.Get(ctx, client.ObjectKey{Name: name}, request); apierrors.IsNotFound(err) {
		return fmt.Errorf("there is no request %q: see kubectl rollcall requests --pending", name)
	} else if err != nil {
		return err
	}
	grant, err := readableGrant(ctx, c, request.Spec.GrantRef.Name)
	if err != nil {
		t.warnf("%v", err)
	}
	me, err := caller(ctx, c)
	if err != nil {
		return err
	}
	t.show(request, grant)
	if why := undecidable(request, me); why != "" {
		return errors.New(why)
	}
	approval := &v1alpha1.Approval{
		ObjectMeta: metav1.ObjectMeta{GenerateName: nameStem(name)},
		Spec: v1alpha1.ApprovalSpec{
			RequestRef: v1alpha1.RequestReference{Name: request.Name, UID: string(request.UID)},
			Decision:   decision, Approver: me, Comment: comment,
		},
	}
	if err := c.Create(ctx, approval); err != nil {
		return fmt.Errorf("decide on request %s: %w", name, err)
	}
	t.sayf("%s %s as %s", verb(decision), request.Name, me)
	return t.verdict(ctx, c, approval)
}

func verb(decision v1alpha1.Decision) string {
	if decision == v1alpha1.DecisionDeny {
		return "denied"
	}
	return "approved"
}

// undecidable says why no decision of a person on a request would count. Empty: nothing speaks against it.
func undecidable(request *v1alpha1.AccessRequest, me string) string {
	switch {
	case request.Spec.UserName == me:
		return fmt.Sprintf("request %s is your own, and nobody decides on those; to take it back: kubectl delete accessrequest %s",
			request.Name, request.Name)
	case ended(request) && !unreviewed(request):
		return fmt.Sprintf("request %s has ended (%s): there is nothing left to decide", request.Name, stateOf(request))
	}
	return ""
}

// show tells what a decision is about.
func (t *tool) show(request *v1alpha1.AccessRequest, grant *v1alpha1.Grant) {
	t.sayf("request   %s", request.Name)
	t.sayf("who       %s", request.Spec.UserName)
	what := "grant " + request.Spec.GrantRef.Name
	if grant != nil {
		what += ": " + gives(grant)
	}
	t.sayf("what      %s", what)
	t.sayf("how long  %s", span(request, time.Now()))
	t.sayf("why       %s", given(request.Spec.Reason))
	if request.Spec.Ticket != "" {
		t.sayf("ticket    %s", request.Spec.Ticket)
	}
	t.sayf("so far    %s approvals", approvals(request, grant))
	seen := request.Status.Grant
	if grant != nil && seen != nil && (seen.UID != string(grant.UID) || seen.Generation != grant.Generation) {
		t.warnf("grant %s is not the one any more that was asked for: this request will end", grant.Name)
	}
}

func given(text string) string {
	if text == "" {
		return "(no reason given)"
	}
	return text
}

// verdict waits for what the operator makes of a decision. One that does not count is an error.
func (t *tool) verdict(ctx context.Context, c client.WithWatch, approval *v1alpha1.Approval) error {
	var ready *metav1.Condition
	seen, err := soon(ctx, c, approval, &v1alpha1.ApprovalList{}, func() bool {
		ready = meta.FindStatusCondition(approval.Status.Conditions, v1alpha1.ConditionReady)
		return ready != nil && ready.Status != metav1.ConditionUnknown
	})
	if err != nil {
		return err
	}
	if t.structured() {
		approval.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("Approval"))
		if err := t.print(approval, nil); err != nil {
			return err
		}
	}
	switch {
	case !seen:
		t.warnf("it is still being looked at; see kubectl get approval %s", approval.Name)
	case ready.Status == metav1.ConditionFalse:
		return fmt.Errorf("your decision does not count: %s: %s", ready.Reason, ready.Message)
	default:
		t.sayf("your decision counts")
	}
	return nil
}
