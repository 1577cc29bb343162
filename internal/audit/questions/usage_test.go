// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package questions_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/answers"
	"github.com/rollcall-iam/rollcall/internal/audit/store"
	"github.com/rollcall-iam/rollcall/internal/usage"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

// List implements client.Reader: there are the Grants of these names, and bindings.
func (u *users) List(_ context.Context, into client.ObjectList, options ...client.ListOption) error {
	o := client.ListOptions{}
	o.ApplyOptions(options)
	switch list := into.(type) {
	case *v1alpha1.GrantList:
		for _, name := range u.grants {
			list.Items = append(list.Items, v1alpha1.Grant{ObjectMeta: metav1.ObjectMeta{
				Name: name, UID: types.UID("g-" + name), CreationTimestamp: metav1.NewTime(noon.AddDate(-1, 0, 0)),
			}})
		}
	case *rbacv1.RoleBindingList:
		for _, b := range u.bindings {
			if o.LabelSelector.Matches(labels.Set(b.Labels)) {
				list.Items = append(list.Items, b)
			}
		}
	case *rbacv1.ClusterRoleBindingList:
		for _, b := range u.bindings {
			if o.LabelSelector.Matches(labels.Set(b.Labels)) {
				list.Items = append(list.Items, rbacv1.ClusterRoleBinding{ObjectMeta: b.ObjectMeta, Subjects: b.Subjects})
			}
		}
	default:
		return fmt.Errorf("a %T is not here", into)
	}
	return u.fails
}

// day is a time, so many days before noon.
func day(before int) metav1.Time { return metav1.NewTime(noon.AddDate(0, 0, -before)) }

// uses is a use of a Grant by somebody, so many days ago; it was needed then.
func uses(grant, username string, before int) usage.Use {
	return usage.Use{
		Grant: grant, Username: username, Action: answers.Action{Verb: "get", Resource: "pods", Namespace: "pay"}, Names: []string{"p"},
		Requests: 3, First: day(before), Last: day(before), Needed: new(day(before)),
	}
}

// counts has the store count uses, and days.
func (d *desk) counts(ctx context.Context, uses []usage.Use, days ...store.Day) {
	GinkgoHelper()
	d.keeps(ctx, event("counted", "corp:alice", 0))
	waiting, err := d.store.Unweighed(ctx, noon.Add(time.Hour), 1)
	Expect(err).NotTo(HaveOccurred())
	Expect(waiting).To(HaveLen(1))
	Expect(d.store.Weighed(ctx, []int64{waiting[0].Batch}, uses, days)).To(Succeed())
}

// read is what an answer says.
func read[T any](response *httptest.ResponseRecorder) (answer T) {
	GinkgoHelper()
	Expect(response.Code).To(Equal(http.StatusOK), response.Body.String())
	Expect(response.Header().Get("Content-Type")).To(Equal("application/json"))
	Expect(json.Unmarshal(response.Body.Bytes(), &answer)).To(Succeed())
	return answer
}

var _ = Describe("A question about what is used", func() {
	var d *desk
	paths := []string{wire.PathUsage, wire.PathUses, wire.PathDays}
	BeforeEach(func(ctx SpecContext) {
		d = newDesk(ctx)
		d.users.grants = []string{"reads", "looks", "idle"}
		d.counts(ctx, []usage.Use{
			uses("g-looks", "corp:alice", 0), uses("g-looks", "corp:bob", 10), uses("g-reads", "corp:alice", 31), uses("", "corp:alice", 5),
			uses("g-gone", "corp:alice", 1),
		}, store.Day{Day: noon.Truncate(24 * time.Hour), Username: "corp:alice", Requests: 5, Forbidden: 2},
			store.Day{Day: noon.Truncate(24*time.Hour).AddDate(0, 0, -10), Username: "corp:bob", Requests: 1})
	})

	Describe("is for auditors", func() {
		DescribeTable("and nobody else", func(ctx SpecContext, change func(*authenticationv1.TokenReviewStatus)) {
			change(&d.reviews.status)
			for _, path := range paths {
				response := d.gets(ctx, path, "username", "corp:alice")
				Expect(response.Code).To(Equal(http.StatusUnauthorized))
				Expect(response.Body.String()).To(ContainSubstring("none of the ServiceAccount rollcall-auditor"))
				Expect(response.Body.String()).NotTo(ContainSubstring("looks"))
			}
		},
			Entry("without a token that is one", func(s *authenticationv1.TokenReviewStatus) { s.Authenticated = false }),
			Entry("of another ServiceAccount", func(s *authenticationv1.TokenReviewStatus) { s.User.Username += "s" }),
			Entry("whose token is for another", func(s *authenticationv1.TokenReviewStatus) { s.Audiences = []string{"other"} }),
		)

		It("who show a token", func(ctx SpecContext) {
			for _, path := range paths {
				response := d.asks(ctx, http.MethodGet, path, nil, func(r *http.Request) { r.Header.Del("Authorization") })
				Expect(response.Code).To(Equal(http.StatusUnauthorized))
			}
		})
	})

	DescribeTable("is answered with what is wrong about it", func(ctx SpecContext, days string) {
		for _, path := range paths {
			response := d.gets(ctx, path, "username", "corp:alice", "days", days)
			Expect(response.Code).To(Equal(http.StatusBadRequest))
			Expect(response.Body.String()).To(Equal("days must be 1 to 3650\n"))
		}
	},
		Entry("no days", "0"), Entry("less", "-1"), Entry("more than there are", "3651"), Entry("no number", "abc"), Entry("half a day", "1.5"),
		Entry("more than a number", "99999999999999999999"),
	)

	It("is about people, and not about too many", func(ctx SpecContext) {
		ask := func(count int) *httptest.ResponseRecorder {
			query := url.Values{}
			for i := range count {
				query.Add("username", strconv.Itoa(i))
			}
			return d.asks(ctx, http.MethodGet, wire.PathUses+"?"+query.Encode(), nil)
		}
		for _, count := range []int{0, wire.MaxUsernames + 1} {
			response := ask(count)
			Expect(response.Code).To(Equal(http.StatusBadRequest))
			Expect(response.Body.String()).To(Equal("username must be given, 5000 times at most\n"))
		}
		most := ask(wire.MaxUsernames)
		Expect(read[wire.Uses](most).Items).To(BeEmpty())
		Expect(most.Body.String()).To(ContainSubstring(`"items":[]`))
	})

	It("is asked with GET", func(ctx SpecContext) {
		for _, path := range paths {
			Expect(d.asks(ctx, http.MethodPost, path, nil).Code).To(Equal(http.StatusMethodNotAllowed))
		}
	})

	It("is not answered while the store is closed, or Grants cannot be read", func(ctx SpecContext) {
		d.users.fails = errors.New("no cache")
		response := d.gets(ctx, wire.PathUsage)
		Expect(response.Code).To(Equal(http.StatusServiceUnavailable))
		Expect(response.Body.String()).NotTo(ContainSubstring("no cache"))
		d.users.fails, d.closed = nil, store.ErrClosed
		for _, path := range paths {
			Expect(d.gets(ctx, path, "username", "corp:alice").Code).To(Equal(http.StatusServiceUnavailable))
		}
	})

	Describe("of Grants", func() {
		classes := func(found wire.Usage) map[string]v1alpha1.GrantUsage {
			all := map[string]v1alpha1.GrantUsage{}
			for _, item := range found.Items {
				all[item.Name] = item.Usage
			}
			return all
		}

		It("is answered about all that there are, by name, and about no other", func(ctx SpecContext) {
			response := d.gets(ctx, wire.PathUsage)
			found := read[wire.Usage](response)
			Expect(found.Items).To(HaveExactElements(
				And(HaveField("Name", "idle"), HaveField("UID", "g-idle"), HaveField("Last", BeNil()), HaveField("Requests", int64(0))),
				And(HaveField("Name", "looks"), HaveField("Requests", int64(6)), HaveField("People", 2),
					HaveField("Message", "last needed at 2026-11-26T12:00:00Z"),
					HaveField("Created.Time", BeTemporally("==", noon.AddDate(-1, 0, 0)))),
				And(HaveField("Name", "reads"), HaveField("Requests", int64(0)), HaveField("Last.Time", BeTemporally("==", day(31).Time))),
			))
			Expect(response.Body.String()).NotTo(Or(ContainSubstring(`"uses"`), ContainSubstring(`"subjects"`)))
			Expect(found.Coverage.Since.Time).To(BeTemporally("==", noon.AddDate(0, 0, -30)))
			Expect(found.Coverage.Until.Time).To(BeTemporally("==", noon))
		})

		It("is of so many days, 30 where none are said", func(ctx SpecContext) {
			of := func(days string) map[string]v1alpha1.GrantUsage {
				return classes(read[wire.Usage](d.gets(ctx, wire.PathUsage, "days", days)))
			}
			Expect(of("")).To(HaveKeyWithValue("reads", v1alpha1.GrantUnknown))
			Expect(of("30")).To(Equal(of("")))
			Expect(of("31")).To(HaveKeyWithValue("reads", v1alpha1.GrantUsed), "the first moment is in it")
			Expect(of("3650")).To(HaveKeyWithValue("reads", v1alpha1.GrantUsed))
			looks := func(days string) wire.GrantUsage {
				return read[wire.Usage](d.gets(ctx, wire.PathUsage, "days", days, "grant", "looks")).Items[0]
			}
			Expect(looks("1")).To(And(HaveField("People", 1), HaveField("Uses", HaveExactElements(HaveField("Username", "corp:alice")))))
			Expect(looks("10")).To(And(HaveField("People", 2), HaveField("Uses", HaveLen(2))))
		})

		It("is answered about one, with whom it reaches, and who did what", func(ctx SpecContext) {
			binding := func(name, grant string, subjects ...rbacv1.Subject) rbacv1.RoleBinding {
				return rbacv1.RoleBinding{
					ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{v1alpha1.LabelGrant: grant}}, Subjects: subjects,
				}
			}
			person := func(name string) rbacv1.Subject { return rbacv1.Subject{Kind: rbacv1.UserKind, Name: name} }
			d.users.bindings = []rbacv1.RoleBinding{
				binding("rollcall:looks", "looks", person("corp:zoe"), person("corp:alice"),
					rbacv1.Subject{Kind: rbacv1.GroupKind, Name: "corp:all"}),
				binding("rollcall:looks:1", "looks", person("corp:alice")), binding("rollcall-request:x", "looks", person("corp:bob")),
				binding("by-hand", "looks", person("corp:mallory")), binding("rollcall:reads", "reads", person("corp:carol")),
			}
			found := read[wire.Usage](d.gets(ctx, wire.PathUsage, "grant", "looks"))
			Expect(found.Items).To(HaveExactElements(And(HaveField("Name", "looks"),
				HaveField("Subjects", []string{"corp:alice", "corp:bob", "corp:zoe"}),
				HaveField("Uses", HaveExactElements(
					And(HaveField("Username", "corp:alice"), HaveField("Names", []string{"p"}), HaveField("Requests", int64(3))),
					And(HaveField("Username", "corp:bob"), HaveField("Needed.Time", BeTemporally("==", day(10).Time))))))))
		})

		It("is answered with not found where there is none of that name, although there was", func(ctx SpecContext) {
			for _, name := range []string{"gone", "g-looks", "LOOKS"} {
				response := d.gets(ctx, wire.PathUsage, "grant", name)
				Expect(response.Code).To(Equal(http.StatusNotFound))
				Expect(response.Body.String()).To(Equal(fmt.Sprintf("there is no Grant %q\n", name)))
			}
		})

		It("is answered where there is none at all", func(ctx SpecContext) {
			d.users.grants = nil
			Expect(d.gets(ctx, wire.PathUsage).Body.String()).To(ContainSubstring(`"items":[]`))
		})
	})

	It("of people is answered with what they did, whatever allowed it", func(ctx SpecContext) {
		ask := func(days string, usernames ...string) []usage.Use {
			query := url.Values{"username": usernames, "days": {days}}
			return read[wire.Uses](d.asks(ctx, http.MethodGet, wire.PathUses+"?"+query.Encode(), nil)).Items
		}
		grants := func(all []usage.Use) []string {
			names := make([]string, len(all))
			for i := range all {
				names[i] = all[i].Grant
			}
			return names
		}
		Expect(grants(ask("30", "corp:alice"))).To(Equal([]string{"", "g-gone", "g-looks"}))
		Expect(grants(ask("31", "corp:alice", "corp:bob", "corp:carol"))).To(Equal([]string{"", "g-gone", "g-looks", "g-looks", "g-reads"}))
		Expect(grants(ask("4", "corp:alice"))).To(Equal([]string{"g-gone", "g-looks"}))
		Expect(ask("30", "corp:")).To(BeEmpty())
	})

	It("of days is answered by day and name", func(ctx SpecContext) {
		today := wire.Day{Day: "2026-11-26", Username: "corp:alice", Requests: 5, Forbidden: 2}
		before := wire.Day{Day: "2026-11-16", Username: "corp:bob", Requests: 1}
		Expect(read[wire.Days](d.gets(ctx, wire.PathDays)).Items).To(Equal([]wire.Day{before, today}))
		Expect(read[wire.Days](d.gets(ctx, wire.PathDays, "days", "10")).Items).To(Equal([]wire.Day{before, today}), "the whole day")
		Expect(read[wire.Days](d.gets(ctx, wire.PathDays, "days", "9")).Items).To(Equal([]wire.Day{today}))
		none := newDesk(ctx)
		Expect(none.gets(ctx, wire.PathDays).Body.String()).To(ContainSubstring(`"items":[]`))
	})
})
