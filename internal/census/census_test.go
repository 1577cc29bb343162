// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package census

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

func TestCensus(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Census")
}

// conditions of an object: their types, each with a status and a reason.
func conditions(list ...string) []metav1.Condition {
	var all []metav1.Condition
	for i := 0; i < len(list); i += 3 {
		all = append(all, metav1.Condition{Type: list[i], Status: metav1.ConditionStatus(list[i+1]), Reason: list[i+2]})
	}
	return all
}

var _ = Describe("How an object is", func() {
	DescribeTable("is said by its conditions", func(list []metav1.Condition, state, reason string) {
		Expect(ofObject(list)).To(Equal([]string{state, reason}))
	},
		Entry("nothing was decided", nil, Unknown, ""),
		Entry("as it should be", conditions("Ready", "True", "Applied"), Ready, "Applied"),
		Entry("waiting", conditions("Ready", "False", "RoleNotFound", "Reconciling", "True", "RoleNotFound"), Waiting, "RoleNotFound"),
		Entry("a person must act", conditions("Ready", "False", "LossGuard", "Stalled", "True", "LossGuard"), Stalled, "LossGuard"),
	)

	DescribeTable("of a User is whether they may act, whether anybody saw them, and how their kubeconfig is",
		func(user v1alpha1.User, state string, dormant bool, kubeconfig []string) {
			Expect(ofUser(&user)).To(Equal([]string{state}))
			Expect(ofDormant(&user) != nil).To(Equal(dormant))
			Expect(ofKubeconfig(&user)).To(Equal(kubeconfig))
		},
		Entry("new", v1alpha1.User{}, Unknown, false, nil),
		Entry("active", v1alpha1.User{Status: v1alpha1.UserStatus{Conditions: conditions("Active", "True", "Active")}}, "Active", false, nil),
		Entry("gone quiet", v1alpha1.User{Status: v1alpha1.UserStatus{
			Conditions: conditions("Active", "True", "Active", "Dormant", "True", "NotSeen"),
		}}, "Active", true, nil),
		Entry("out, with a kubeconfig that nobody may have", v1alpha1.User{
			Spec: v1alpha1.UserSpec{Kubeconfig: &v1alpha1.KubeconfigSpec{}},
			Status: v1alpha1.UserStatus{
				Conditions: conditions("Active", "False", "DirectoryDisabled", "Kubeconfig", "False", "UserInactive"),
			},
		}, "DirectoryDisabled", false, []string{"UserInactive"}),
		Entry("one who waits for a kubeconfig", v1alpha1.User{Spec: v1alpha1.UserSpec{Kubeconfig: &v1alpha1.KubeconfigSpec{}}},
			Unknown, false, []string{Unknown}),
	)

	It("of a Session counts while it goes on", func() {
		s := v1alpha1.Session{Spec: v1alpha1.SessionSpec{Authentication: v1alpha1.SessionAuthentication{Method: v1alpha1.MethodOIDC}}}
		Expect(ofSession(&s)).To(BeNil())
		s.Status.Conditions = conditions("Active", "True", "Active")
		Expect(ofSession(&s)).To(Equal([]string{"OIDC"}))
		s.Status.EndTime = new(metav1.Now())
		Expect(ofSession(&s)).To(BeNil())
	})

	It("is known of every kind that is counted", func() {
		for kind, object := range kindsCounted() {
			Expect(conditionsOf(object)).To(BeNil())
			switch o := object.(type) {
			case *v1alpha1.Installation:
				o.Status.Conditions = conditions("Ready", "True", kind)
			case *v1alpha1.Approval:
				o.Status.Conditions = conditions("Ready", "True", kind)
			default:
				continue
			}
			Expect(conditionsOf(object)).To(HaveLen(1))
		}
	})
})

var _ = Describe("A count", func() {
	var (
		gauge *prometheus.GaugeVec
		c     *count
	)
	BeforeEach(func() {
		gauge = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "x", Help: "x"}, []string{"state"})
		c = newCount(gauge)
	})
	told := func() map[string]float64 {
		registry := prometheus.NewRegistry()
		Expect(registry.Register(gauge)).To(Succeed())
		families, err := registry.Gather()
		Expect(err).NotTo(HaveOccurred())
		values := map[string]float64{}
		for _, family := range families {
			for _, m := range family.GetMetric() {
				values[label(m)] = m.GetGauge().GetValue()
			}
		}
		return values
	}

	It("tells nothing before everything was seen, then all of it, from zero", func() {
		c.move(nil, []string{"Active"})
		c.move(nil, []string{"Active"})
		c.move([]string{"Active"}, []string{"Locked"})
		Expect(told()).To(BeEmpty())
		c.tell(each([]string{"Active", "Locked", "Expired"}))
		Expect(told()).To(Equal(map[string]float64{"Active": 1, "Locked": 1, "Expired": 0}))
	})
	It("follows those who change, go, come back, and begin to count", func() {
		c.tell(nil)
		c.move(nil, []string{"Active"})
		c.move([]string{"Active"}, []string{"Active"})
		c.move(nil, []string{"Active"})
		Expect(told()).To(Equal(map[string]float64{"Active": 2}))
		c.move([]string{"Active"}, []string{"Locked"})
		c.move([]string{"Active"}, nil)
		c.move(nil, nil)
		Expect(told()).To(Equal(map[string]float64{"Active": 0, "Locked": 1}))
		c.move(nil, []string{"Active"})
		Expect(told()).To(Equal(map[string]float64{"Active": 1, "Locked": 1}))
	})
	It("tells those apart that count without a label from those that do not count", func() {
		bare := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "y", Help: "y"}, nil)
		c = newCount(bare)
		c.tell([][]string{{}})
		c.move(nil, []string{})
		c.move([]string{}, []string{})
		m := &dto.Metric{}
		Expect(bare.WithLabelValues().Write(m)).To(Succeed())
		Expect(m.GetGauge().GetValue()).To(BeEquivalentTo(1))
	})
	It("counts what an informer tells, and what it tells too late", func() {
		c.tell(nil)
		byName := func(object client.Object) []string { return []string{object.GetName()} }
		grants := watched{object: &v1alpha1.Grant{}, rows: []row{{c, byName}}}
		x, y := &v1alpha1.Grant{ObjectMeta: metav1.ObjectMeta{Name: "x"}}, &v1alpha1.Grant{ObjectMeta: metav1.ObjectMeta{Name: "y"}}
		grants.handler().OnAdd(x, true)
		grants.handler().OnAdd(x, false)
		grants.handler().OnUpdate(x, y)
		Expect(told()).To(Equal(map[string]float64{"x": 1, "y": 1}))
		grants.handler().OnDelete(y)
		grants.handler().OnDelete(toolscache.DeletedFinalStateUnknown{Key: "x", Obj: x})
		Expect(told()).To(Equal(map[string]float64{"x": 0, "y": 0}))
	})
})

func label(m *dto.Metric) string { return m.GetLabel()[0].GetValue() }
