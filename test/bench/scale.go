// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/controlplane"
	"github.com/rollcall-iam/rollcall/test/internal/process"
)

const rowScale = "authorization at scale"

// made is what the Grants came to.
type made struct {
	// created and ready are how long after the first create all was created, and all Grants had all their people in bindings.
	created, ready                    time.Duration
	roleBindings, clusterRoleBindings int
	// writes of the operator, and those of them that made or changed bindings.
	writes, bindingWrites int
	largest               object
	// rss and peak of the manager in bytes; 0 where the system does not tell.
	rss, peak int64
}

// object is one and how large it is.
type object struct {
	path         string
	json, stored int
}

// scale lets the manager turn a company into bindings.
func (b *bench) scale(ctx context.Context) (m made, err error) {
	if err := b.startManager(ctx); err != nil {
		return m, err
	}
	mark, err := b.plane.AuditMark()
	if err != nil {
		return m, err
	}
	began := time.Now()
	for _, kind := range []struct {
		name    string
		objects []client.Object
	}{
		{"Users", b.company.userObjects()}, {"Groups", b.company.groupObjects()}, {"Grants", b.company.grantObjects()},
	} {
		if err := b.create(ctx, kind.name, kind.objects); err != nil {
			return m, err
		}
	}
	m.created = time.Since(began)
	b.say("waiting until all Grants are Ready with everybody in their bindings")
	if err := b.until(ctx, "all Grants are Ready", b.grantsReady); err != nil {
		return m, err
	}
	m.ready = time.Since(began)
	if err := b.quiet(ctx); err != nil {
		return m, err
	}
	m.rss, m.peak = process.Memory(b.manager.PID())
	if err := b.countWrites(mark, &m); err != nil {
		return m, err
	}
	err = b.look(ctx, &m)
	return m, err
}

// grantsReady: a Grant may be Ready before its last people are active, so those are counted too.
func (b *bench) grantsReady(ctx context.Context) (string, bool, error) {
	var list v1alpha1.GrantList
	if err := b.admin.List(ctx, &list); err != nil {
		return "", false, err
	}
	ready, waiting := 0, ""
	for i := range list.Items {
		grant := &list.Items[i]
		number, err := strconv.Atoi(strings.TrimPrefix(grant.Name, "grant-"))
		if err != nil || number >= b.grants {
			return "", false, fmt.Errorf("unexpected Grant %s", grant.Name)
		}
		condition := meta.FindStatusCondition(grant.Status.Conditions, v1alpha1.ConditionReady)
		people := len(b.company.reached(b.company.access[number]))
		switch {
		case condition == nil:
			waiting = grant.Name + " has no condition yet"
		case condition.Status != metav1.ConditionTrue || grant.Status.Subjects == nil || int(*grant.Status.Subjects) != people:
			waiting = fmt.Sprintf("%s, of %d people, says %s: %s", grant.Name, people, condition.Reason, condition.Message)
		default:
			ready++
		}
	}
	said := fmt.Sprintf("%d of %d Grants are ready; %s", ready, b.grants, waiting)
	return said, ready == b.grants, nil
}

// countWrites counts what the audit log says of the operator.
func (b *bench) countWrites(mark controlplane.AuditMark, m *made) error {
	found, err := b.requests(mark)
	m.writes, m.bindingWrites = found.written(anything), found.written(binds)
	return err
}

// look counts what was made and finds the largest of it.
func (b *bench) look(ctx context.Context, m *made) (err error) {
	ours := client.MatchingLabels{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy}
	var roleBindings rbacv1.RoleBindingList
	if err := b.admin.List(ctx, &roleBindings, ours); err != nil {
		return err
	}
	var clusterRoleBindings rbacv1.ClusterRoleBindingList
	if err := b.admin.List(ctx, &clusterRoleBindings, ours); err != nil {
		return err
	}
	m.roleBindings, m.clusterRoleBindings = len(roleBindings.Items), len(clusterRoleBindings.Items)
	for _, collection := range []string{
		"/apis/rbac.authorization.k8s.io/v1/rolebindings", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
		"/apis/iam.rollcall.dev/v1alpha1/users", "/apis/iam.rollcall.dev/v1alpha1/groups", "/apis/iam.rollcall.dev/v1alpha1/grants",
	} {
		if m.largest, err = b.larger(ctx, collection, m.largest); err != nil {
			return err
		}
	}
	m.largest.stored, err = b.stored(ctx, m.largest)
	return err
}

// larger is the largest of a collection and another object.
func (b *bench) larger(ctx context.Context, collection string, largest object) (object, error) {
	for next := ""; ; {
		request := b.raw().Get().AbsPath(collection).Param("limit", "500").SetHeader("Accept", runtime.ContentTypeJSON)
		if next != "" {
			request = request.Param("continue", next)
		}
		body, err := request.Do(ctx).Raw()
		if err != nil {
			return largest, err
		}
		var list struct {
			Metadata metav1.ListMeta   `json:"metadata"`
			Items    []json.RawMessage `json:"items"`
		}
		if err := json.Unmarshal(body, &list); err != nil {
			return largest, err
		}
		for _, item := range list.Items {
			if len(item) <= largest.json {
				continue
			}
			var of metav1.PartialObjectMetadata
			if err := json.Unmarshal(item, &of); err != nil {
				return largest, err
			}
			largest = object{path: objectPath(collection, of.Namespace, of.Name), json: len(item)}
		}
		if next = list.Metadata.Continue; next == "" {
			return largest, nil
		}
	}
}

func objectPath(collection, namespace, name string) string {
	if namespace == "" {
		return collection + "/" + name
	}
	return path.Join(path.Dir(collection), "namespaces", namespace, path.Base(collection), name)
}

// stored is how large an object is in etcd: built-in kinds are stored as the protobuf that is also sent on request, others as JSON.
func (b *bench) stored(ctx context.Context, o object) (int, error) {
	if !strings.HasPrefix(o.path, "/apis/rbac.authorization.k8s.io/") {
		return o.json, nil
	}
	body, err := b.raw().Get().AbsPath(o.path).SetHeader("Accept", runtime.ContentTypeProtobuf).Do(ctx).Raw()
	return len(body), err
}

func (b *bench) raw() rest.Interface { return b.set.Discovery().RESTClient() }

// lines of the row.
func (m made) lines(s sizes) []line {
	created := fmt.Sprintf("%s Users, %s Groups, %s Grants created by a bare client", count(s.people), count(s.groups), count(s.grants))
	list := []line{
		{Row: rowScale, What: created, Value: m.created.Seconds(), Unit: unitSeconds},
		{
			Row: rowScale, What: "all Grants Ready with everybody in them", Value: m.ready.Seconds(), Unit: unitSeconds,
			Ratio: m.ready.Seconds() / m.created.Seconds(),
		},
		{Row: rowScale, What: "RoleBindings", Value: float64(m.roleBindings), Unit: unitCount},
		{Row: rowScale, What: "ClusterRoleBindings", Value: float64(m.clusterRoleBindings), Unit: unitCount},
		{Row: rowScale, What: "writes of the operator", Value: float64(m.writes), Unit: unitCount},
		{Row: rowScale, What: "those of bindings", Value: float64(m.bindingWrites), Unit: unitCount},
		{Row: rowScale, What: "largest object, as JSON", Value: float64(m.largest.json), Unit: unitBytes},
		{Row: rowScale, What: "largest object, as stored in etcd", Value: float64(m.largest.stored), Unit: unitBytes, Goal: "at most 1.5 MiB"},
	}
	if m.rss > 0 {
		list = append(list,
			line{Row: rowScale, What: "memory of the manager (RSS)", Value: mebibytes(m.rss), Unit: unitMebibytes, Goal: memoryGoal(s.people)},
			line{Row: rowScale, What: "its peak", Value: mebibytes(m.peak), Unit: unitMebibytes})
	}
	return list
}

// memoryGoal was set for the default numbers of people.
func memoryGoal(people int) string {
	switch people {
	case 10_000:
		return "at most 150 MB"
	case 100_000:
		return "at most 900 MB"
	}
	return ""
}

func mebibytes(n int64) float64 { return float64(n) / (1 << 20) }
