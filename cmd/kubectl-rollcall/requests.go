// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/plain"
)

// reasonColumns is how much of a reason a table shows; -o wide shows all of it.
const reasonColumns = 40

// requestsFlags are those of the command requests.
type requestsFlags struct{ mine, pending, watch bool }

func (t *tool) newRequestsCommand() *cobra.Command {
	var flags requestsFlags
	command := &cobra.Command{
		Use:   "requests",
		Short: "List requests for access, and what has become of them",
		Example: `  # What waits for somebody to approve or review it
  kubectl rollcall requests --pending

  # Your own, as they change
  kubectl rollcall requests --mine --watch`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(command *cobra.Command, _ []string) error { return t.requests(command.Context(), flags) },
	}
	command.Flags().BoolVar(&flags.mine, "mine", false, "only your own")
	command.Flags().BoolVar(&flags.pending, "pending", false, "only those that wait for an approval or a review")
	command.Flags().BoolVarP(&flags.watch, "watch", "w", false, "go on with each one that changes, until Ctrl-C")
	return command
}

func (t *tool) requests(ctx context.Context, flags requestsFlags) error {
	c, err := t.client()
	if err != nil {
		return err
	}
	me := ""
	if flags.mine {
		if me, err = caller(ctx, c); err != nil {
			return err
		}
	}
	grants, err := readableGrants(ctx, c)
	if err != nil {
		return err
	}
	wanted := func(r *v1alpha1.AccessRequest) bool {
		return (!flags.mine || r.Spec.UserName == me) && (!flags.pending || waitsForSomebody(r))
	}
	list := &v1alpha1.AccessRequestList{}
	if err := c.List(ctx, list); err != nil {
		return err
	}
	from := list.ResourceVersion
	list.Items = slices.DeleteFunc(list.Items, func(r v1alpha1.AccessRequest) bool { return !wanted(&r) })
	slices.SortStableFunc(list.Items, func(a, b v1alpha1.AccessRequest) int {
		return a.CreationTimestamp.Compare(b.CreationTimestamp.Time)
	})
	table := &requestTable{tool: t, grants: grants}
	if err := table.print(list); err != nil || !flags.watch {
		return err
	}
	return table.watch(ctx, c, from, wanted)
}

// readableGrants by name, as far as the caller may list them.
func readableGrants(ctx context.Context, c client.Client) (map[string]*v1alpha1.Grant, error) {
	var list v1alpha1.GrantList
	if err := c.List(ctx, &list); err != nil && !apierrors.IsForbidden(err) {
		return nil, err
	}
	grants := make(map[string]*v1alpha1.Grant, len(list.Items))
	for i := range list.Items {
		grants[list.Items[i].Name] = &list.Items[i]
	}
	return grants, nil
}

// requestTable is a table of requests that can go on.
type requestTable struct {
	tool   *tool
	grants map[string]*v1alpha1.Grant
	// widths that the columns have, so that later rows fit below.
	widths []int
}

func (r *requestTable) print(list *v1alpha1.AccessRequestList) error {
	list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("AccessRequestList"))
	for i := range list.Items {
		list.Items[i].SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("AccessRequest"))
	}
	if len(list.Items) == 0 && !r.tool.structured() {
		r.tool.warnf("No requests found.")
	}
	header := []string{"name", "grant", "who", "state", "approvals", "for/until", "age", "reason"}
	if r.tool.output == outputWide {
		header = append(header, "ticket", "message")
	}
	return r.tool.print(list, func(w *tableWriter) {
		if len(list.Items) > 0 {
			w.Row(header...)
		}
		for i := range list.Items {
			w.Row(r.row(&list.Items[i], time.Now())...)
		}
		r.widths = w.widths()
	})
}

func (r *requestTable) row(request *v1alpha1.AccessRequest, now time.Time) []string {
	grant := request.Spec.GrantRef.Name
	age := duration.HumanDuration(now.Sub(request.CreationTimestamp.Time))
	cells := []string{
		request.Name, grant, request.Spec.UserName, stateOf(request), approvals(request, r.grants[grant]), span(request, now), age,
	}
	if r.tool.output != outputWide {
		return append(cells, plain.Short(plain.Line(request.Spec.Reason), reasonColumns))
	}
	message := ""
	if condition := active(request); condition != nil {
		message = condition.Message
	}
	return append(cells, request.Spec.Reason, request.Spec.Ticket, message)
}

// watch goes on with each request that changes, until ctx ends. What a program reads is one object after the other.
func (r *requestTable) watch(ctx context.Context, c client.WithWatch, from string, wanted func(*v1alpha1.AccessRequest) bool) error {
	for {
		watcher, err := c.Watch(ctx, &v1alpha1.AccessRequestList{}, &client.ListOptions{Raw: since(from)})
		if err == nil {
			from, err = r.pass(watcher, from, wanted)
		}
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // Who ends a watch wants no more of it.
		case apierrors.IsResourceExpired(err), apierrors.IsGone(err):
			from = "" // begin anew, with all there are
		case err != nil:
			return fmt.Errorf("watch requests: %w", err)
		}
	}
}

// pass goes on with a watch until that ends, and says where.
func (r *requestTable) pass(watcher watch.Interface, from string, wanted func(*v1alpha1.AccessRequest) bool) (string, error) {
	defer watcher.Stop()
	for event := range watcher.ResultChan() {
		request, ok := event.Object.(*v1alpha1.AccessRequest)
		if !ok {
			return from, apierrors.FromObject(event.Object)
		}
		from = request.ResourceVersion
		if !wanted(request) || event.Type == watch.Deleted {
			continue
		}
		if err := r.next(request); err != nil {
			return from, err
		}
	}
	return from, nil
}

func (r *requestTable) next(request *v1alpha1.AccessRequest) error {
	if r.tool.structured() {
		request.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("AccessRequest"))
		if r.tool.output == outputYAML {
			if err := r.tool.write("---\n"); err != nil {
				return err
			}
		}
		return r.tool.print(request, nil)
	}
	cells := r.row(request, time.Now())
	for i := range cells {
		cells[i] = plain.Line(cells[i])
		if i < len(r.widths) && i < len(cells)-1 {
			cells[i] += strings.Repeat(" ", max(0, r.widths[i]-plain.Width(cells[i])))
		}
	}
	return r.tool.write(strings.TrimRight(strings.Join(cells, "   "), " ") + "\n")
}
