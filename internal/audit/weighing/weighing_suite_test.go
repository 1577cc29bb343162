// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package weighing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/audit"
	"github.com/rollcall-iam/rollcall/internal/audit/store"
	"github.com/rollcall-iam/rollcall/internal/seen"
	"github.com/rollcall-iam/rollcall/internal/usage"
)

func TestWeighing(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Weighing")
}

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }

// after is how long a Grant may be without use here.
const after = 30 * 24 * time.Hour

// cluster has Grants, by name, and takes what is written into their status.
type cluster struct {
	client.Client

	grants []*v1alpha1.Grant
	// lists counts how often all were asked for.
	lists int
	// writes are whose status was written; failing is whose cannot be.
	writes  []string
	failing string
}

// Get implements client.Client.
func (c *cluster) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	grant, ok := into.(*v1alpha1.Grant)
	for _, g := range c.grants {
		if ok && g.Name == key.Name {
			g.DeepCopyInto(grant)
			return nil
		}
	}
	return apierrors.NewNotFound(schema.GroupResource{Resource: "grants"}, key.Name)
}

// List implements client.Client.
func (c *cluster) List(_ context.Context, into client.ObjectList, _ ...client.ListOption) error {
	list, ok := into.(*v1alpha1.GrantList)
	if !ok {
		return fmt.Errorf("a %T is not here", into)
	}
	c.lists++
	for _, g := range c.grants {
		list.Items = append(list.Items, *g.DeepCopy())
	}
	return nil
}

// statuses writes the status of Grants.
type statuses struct {
	client.SubResourceWriter

	c *cluster
}

// Status implements client.Client.
func (c *cluster) Status() client.SubResourceWriter { return statuses{c: c} }

// Apply implements client.SubResourceWriter.
func (s statuses) Apply(_ context.Context, written runtime.ApplyConfiguration, _ ...client.SubResourceApplyOption) error {
	content, err := json.Marshal(written)
	if err != nil {
		return err
	}
	var applied v1alpha1.Grant
	if err := json.Unmarshal(content, &applied); err != nil {
		return err
	}
	if applied.Name == s.c.failing {
		return errors.New("refused")
	}
	s.c.writes = append(s.c.writes, applied.Name)
	for _, g := range s.c.grants {
		if g.Name == applied.Name && g.UID == applied.UID {
			g.Status = applied.Status // One owner has all there is here: what it does not apply is gone.
		}
	}
	return nil
}

// scene is a leader with a store, and a cluster with Grants, all of which were made two months ago.
type scene struct {
	weigher *Weigher
	store   *store.Store
	file    string
	cluster *cluster
	clock   *clocktesting.FakePassiveClock
	behind  bool
	events  int
}

func newScene(ctx context.Context, grants ...string) *scene {
	GinkgoHelper()
	s := &scene{cluster: &cluster{}, clock: clocktesting.NewFakePassiveClock(noon)}
	for _, name := range grants {
		s.cluster.grants = append(s.cluster.grants, &v1alpha1.Grant{ObjectMeta: metav1.ObjectMeta{
			Name: name, UID: types.UID("g-" + name), CreationTimestamp: metav1.NewTime(noon.AddDate(0, -2, 0)),
		}})
	}
	folder, err := os.MkdirTemp("", "rollcall-weighing-")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(os.RemoveAll, folder)
	s.file = filepath.Join(folder, "audit.db")
	s.store, err = store.Open(ctx, "sqlite:"+s.file)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { _ = s.store.Close() })
	s.leads()
	s.has(ctx, -10_000_000, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "view"}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get", "list"}},
	}})
	return s
}

// leads begins anew, as another replica.
func (s *scene) leads() {
	s.weigher = &Weigher{
		Store: func() (*store.Store, error) { return s.store, nil }, Cache: s.cluster,
		Recorded: func() time.Time {
			if s.behind {
				return time.Time{}
			}
			return s.clock.Now()
		},
		Seen: seen.NewWriter(s.cluster), After: after, Clock: s.clock,
	}
}

// has records what an object is like from so many seconds after noon on.
func (s *scene) has(ctx context.Context, seconds int, object client.Object) {
	GinkgoHelper()
	document, err := json.Marshal(object)
	Expect(err).NotTo(HaveOccurred())
	v := store.Version{Namespace: object.GetNamespace(), Name: object.GetName(), Since: at(seconds), Document: document}
	switch object.(type) {
	case *rbacv1.ClusterRole:
		v.Kind = "ClusterRole"
	case *rbacv1.RoleBinding:
		v.Kind = "RoleBinding"
	}
	v.UID = v.Kind + "-" + v.Name
	Expect(s.store.Record(ctx, []store.Version{v}, nil)).To(Succeed())
}

// binds alice, in the namespace pay, to the role view, for a Grant; for none where that is empty.
func (s *scene) binds(ctx context.Context, seconds int, name, grant string) {
	GinkgoHelper()
	b := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: "pay", Name: name}, RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: "view"},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.UserKind, Name: "corp:alice"}},
	}
	if grant != "" {
		b.Labels = map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy, v1alpha1.LabelGrant: grant}
		b.Annotations = map[string]string{v1alpha1.AnnotationGrantUID: "g-" + grant}
	}
	s.has(ctx, seconds, b)
}

// grants binds alice by a Grant.
func (s *scene) grants(ctx context.Context, seconds int, grant string) {
	s.binds(ctx, seconds, "rollcall:"+grant, grant)
}

// unbinds ends a binding.
func (s *scene) unbinds(ctx context.Context, seconds int, name string) {
	GinkgoHelper()
	Expect(s.store.Record(ctx, []store.Version{{Kind: "RoleBinding", UID: "RoleBinding-" + name, Since: at(seconds)}}, nil)).To(Succeed())
}

// gets is that alice got a pod at a time, which a binding allowed as RBAC says. It is received a second later.
func (s *scene) gets(ctx context.Context, seconds int, binding string) {
	s.acts(ctx, "corp:alice", seconds, seconds+1, by(binding))
}

// acts is that somebody got a pod at a time, as was decided, and that it was received at another.
func (s *scene) acts(ctx context.Context, who string, seconds, received int, decision string) {
	GinkgoHelper()
	_, err := s.store.Append(ctx, "one", []audit.Line{s.line(who, at(seconds), decision)}, at(received))
	Expect(err).NotTo(HaveOccurred())
}

func (s *scene) line(who string, when time.Time, decision string) audit.Line {
	GinkgoHelper()
	s.events++
	stamp := when.Format("2006-01-02T15:04:05.000000Z07:00")
	line, err := audit.ReadLine(fmt.Appendf(nil, `{"auditID":"a-%d","stage":"ResponseComplete","verb":"get","requestURI":"/",`+
		`"user":{"username":%q},"objectRef":{"resource":"pods","namespace":"pay","name":"p"},"stageTimestamp":%q,`+
		`"requestReceivedTimestamp":%q,"annotations":%s}`, s.events, who, stamp, stamp, decision))
	Expect(err).NotTo(HaveOccurred())
	return line
}

// by is what the authorizer says where a binding of that name allows something.
func by(binding string) string {
	reason := fmt.Sprintf(`RBAC: allowed by RoleBinding %q of ClusterRole "view" to User "corp:alice"`, binding+"/pay")
	text, err := json.Marshal(map[string]string{"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": reason})
	Expect(err).NotTo(HaveOccurred())
	return string(text)
}

const forbidden = `{"authorization.k8s.io/decision":"forbid"}`

// weighs has the leader weigh what there is at a time.
func (s *scene) weighs(ctx context.Context, seconds int) {
	GinkgoHelper()
	s.clock.SetTime(at(seconds))
	for {
		more, err := s.weigher.Weigh(ctx)
		Expect(err).NotTo(HaveOccurred())
		if !more {
			return
		}
	}
}

// tells has the leader write what is used, at a time.
func (s *scene) tells(ctx context.Context, seconds int) {
	GinkgoHelper()
	s.clock.SetTime(at(seconds))
	Expect(s.weigher.tell(ctx)).To(Succeed())
}

// never is no time.
const never = math.MinInt

// used is how often something was done by a Grant, or by none, and when that was needed last, in seconds after noon, or never.
func (s *scene) used(ctx context.Context, grant string) (requests int64, needed int) {
	GinkgoHelper()
	if grant != "" {
		grant = "g-" + grant
	}
	uses, err := s.store.UsesOfGrant(ctx, grant, time.Time{})
	Expect(err).NotTo(HaveOccurred())
	needed = never
	for _, u := range uses {
		requests += u.Requests
		if u.Needed != nil {
			needed = max(needed, int(u.Needed.Sub(noon).Seconds()))
		}
	}
	return requests, needed
}

// totals are those of a Grant.
func (s *scene) totals(ctx context.Context, grant string) usage.Total {
	GinkgoHelper()
	all, err := s.store.Totals(ctx, time.Time{})
	Expect(err).NotTo(HaveOccurred())
	return all["g-"+grant]
}

// grant is one as it is in the cluster.
func (s *scene) grant(name string) *v1alpha1.Grant {
	GinkgoHelper()
	var g v1alpha1.Grant
	Expect(s.cluster.Get(context.Background(), client.ObjectKey{Name: name}, &g)).To(Succeed())
	return &g
}
