// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/outcome"
)

// The operator's Deployment and Lease, in its namespace.
const (
	DeploymentName = "rollcall-controller-manager"
	LeaseName      = "rollcall.iam.rollcall.dev"
)

// quiet is how long a leader may go without renewing its Lease, and readLate by how much longer than its interval a Directory without
// being read.
const (
	quiet    = time.Minute
	readLate = 2 * time.Minute
)

// life says whether an operator works.
type life int

const (
	unknown life = iota
	alive
	dead
)

// life is judged by the Lease, where there is one; else by Directories that are read at their time, or Pods that are ready.
func (f *Facts) life() life {
	if l := f.Lease.Value; l != nil {
		if f.leads(l) {
			return alive
		}
		return dead
	}
	if f.Lease.Err == nil && f.readsDirectories() {
		return alive
	}
	d := f.Deployment.Value
	switch {
	case d == nil:
		return unknown
	case d.Status.ReadyReplicas == 0:
		return dead
	default:
		return alive
	}
}

// leads says whether somebody renews the Lease.
func (f *Facts) leads(l *coordinationv1.Lease) bool {
	return ptr.Deref(l.Spec.HolderIdentity, "") != "" && f.age(lastRenewed(l)) < quiet
}

// lastRenewed is when a Lease was, by the API server's clock where that tells.
func lastRenewed(l *coordinationv1.Lease) time.Time {
	if written, ok := renewedAt(l); ok {
		return written
	}
	if l.Spec.RenewTime != nil {
		return l.Spec.RenewTime.Time
	}
	return l.CreationTimestamp.Time
}

// renewedAt is when the API server took in the last renewal.
func renewedAt(l *coordinationv1.Lease) (time.Time, bool) {
	var newest time.Time
	for _, entry := range l.ManagedFields {
		renews := entry.FieldsV1 != nil && strings.Contains(entry.FieldsV1.GetRawString(), `"f:renewTime"`)
		if renews && entry.Time != nil && entry.Time.After(newest) {
			newest = entry.Time.Time
		}
	}
	return newest, !newest.IsZero()
}

// readsDirectories says whether a Directory was read when it was due.
func (f *Facts) readsDirectories() bool {
	for i := range f.Directories.Value {
		d := &f.Directories.Value[i]
		if read := d.Status.LastSyncTime; read != nil && f.age(read.Time) < due(d) {
			return true
		}
	}
	return false
}

// due is how old a read of a Directory may be.
func due(d *v1alpha1.Directory) time.Duration {
	return 2*time.Duration(d.Spec.SyncIntervalSeconds)*time.Second + readLate
}

// past makes of what the operator wrote what can be said of it now: where no operator works, that it is of the past, and that what was
// well need not be.
func (f *Facts) past(c Check) Check {
	if f.life() != dead {
		return c
	}
	switch c.State {
	case OK, Note:
		c.State, c.Found = Skipped, "no operator works now; before it stopped it said: "+c.Found
	case Skipped:
	default:
		c.Found += " (so said the operator before it stopped)"
	}
	return c
}

func operator(f *Facts) []Check {
	return []Check{pods(f), leader(f), versions(f)}
}

func pods(f *Facts) Check {
	const about = "operator"
	if f.Deployment.Err != nil {
		return unread(about, "deployments.apps in namespace "+f.Namespace, f.Deployment.Err)
	}
	d := f.Deployment.Value
	if d == nil {
		return noDeployment(f, about)
	}
	wanted, ready := ptr.Deref(d.Spec.Replicas, 1), d.Status.ReadyReplicas
	c := Check{State: OK, About: about, Found: fmt.Sprintf("%d of %d replicas are ready", ready, wanted)}
	switch {
	case wanted == 0:
		c.State, c.Found = Failed, "its Deployment is scaled to 0: nobody works, and access stays as it is"
		c.Do, c.Run = start(d)
		return c
	case ready == 0:
		c.State = Failed
	case ready < wanted:
		c.State = Warning
	}
	stuck := rollout(d, wanted)
	if stuck != "" {
		c.State = worse(c.State, Warning)
	}
	if c.State == OK {
		return c
	}
	if trouble := troubles(f.Pods.Value); trouble != "" {
		c.Found += ": " + trouble
	}
	if stuck != "" {
		c.Found += "; " + stuck
	}
	c.Do = "Its log, and the events of its Pods, say why."
	c.Run = []string{
		logsOf(d.Namespace),
		command("kubectl", "describe", "pods", "-n", d.Namespace, "-l", selector(d)),
	}
	return c
}

func logsOf(namespace string) string {
	return command("kubectl", "logs", "deployment/"+DeploymentName, "-n", namespace, "--tail=50")
}

// start is how to start an operator that is scaled to nothing. One whose Pods are recreated has a volume, or a database, for one.
func start(d *appsv1.Deployment) (do string, run []string) {
	scale := func(replicas int) string {
		return command("kubectl", "scale", "deployment/"+DeploymentName, "-n", d.Namespace, fmt.Sprintf("--replicas=%d", replicas))
	}
	if d.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType {
		return "Start it, with one replica: its strategy is Recreate, since two would be in each other's way.", []string{scale(1)}
	}
	return "Start it. With leader election, and without a store or a ledger on a volume, two replicas do as well.", []string{scale(1)}
}

// rollout says what keeps replicas from being as the Deployment says; empty where they are.
func rollout(d *appsv1.Deployment, wanted int32) string {
	for _, condition := range d.Status.Conditions {
		if condition.Type == appsv1.DeploymentProgressing && condition.Status == corev1.ConditionFalse {
			return strings.TrimSuffix(fmt.Sprintf("the rollout is stuck: %s: %s", condition.Reason, condition.Message), ": ")
		}
	}
	switch {
	case d.Status.ObservedGeneration < d.Generation:
		return "the Deployment has changed, and no controller has looked at it since"
	case d.Status.UpdatedReplicas < min(wanted, d.Status.ReadyReplicas): // Else it is said already that they are not ready.
		return fmt.Sprintf("%d of %d replicas are as the Deployment says now", d.Status.UpdatedReplicas, wanted)
	default:
		return ""
	}
}

func selector(d *appsv1.Deployment) string {
	if name := d.Spec.Selector; name != nil && name.MatchLabels["app.kubernetes.io/name"] != "" {
		return "app.kubernetes.io/name=" + name.MatchLabels["app.kubernetes.io/name"]
	}
	return "app.kubernetes.io/name=rollcall"
}

func noDeployment(f *Facts, about string) Check {
	c := Check{About: about, Found: fmt.Sprintf("there is no Deployment %s in namespace %s: ", DeploymentName, f.Namespace)}
	switch f.life() {
	case alive:
		c.State = Note
		c.Found += "it runs outside of this cluster, or under another name"
		return c
	case dead:
		c.State = Failed
		c.Found += "it ran outside of this cluster, or was removed, and does not work now"
	default:
		c.State = Warning
		c.Found += "whether it runs elsewhere cannot be seen"
		if f.Installation.Err == nil && f.Installation.Value == nil {
			c.State = Failed
			c.Found = c.Found[:len(c.Found)-2] + ", and none has ever said what works here"
		}
	}
	c.Do = "Start it. One that runs elsewhere is seen if it has --leader-elect; one in another namespace, if that is named by " +
		"--operator-namespace."
	c.See = "docs/install.md"
	return c
}

// troubles are why Pods are not ready, in the kubelet's words.
func troubles(pods []corev1.Pod) string {
	var found []string
	for i := range pods {
		if why := trouble(&pods[i]); why != "" {
			found = append(found, fmt.Sprintf("%s: %s", pods[i].Name, why))
		}
	}
	return outcome.Bounded(found)
}

func trouble(p *corev1.Pod) string {
	for _, s := range p.Status.ContainerStatuses {
		switch {
		case s.State.Waiting != nil && s.LastTerminationState.Terminated != nil:
			last := s.LastTerminationState.Terminated
			return fmt.Sprintf("%s, after %s with exit code %d", s.State.Waiting.Reason, cmp.Or(last.Reason, "an end"), last.ExitCode)
		case s.State.Waiting != nil:
			return strings.TrimSuffix(s.State.Waiting.Reason+": "+s.State.Waiting.Message, ": ")
		case s.State.Terminated != nil:
			return fmt.Sprintf("%s with exit code %d", cmp.Or(s.State.Terminated.Reason, "Ended"), s.State.Terminated.ExitCode)
		case s.State.Running != nil && !s.Ready:
			return "running, and not ready"
		}
	}
	for _, condition := range p.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse {
			return strings.TrimSuffix(condition.Reason+": "+condition.Message, ": ")
		}
	}
	return ""
}

func leader(f *Facts) Check {
	const about = "leader"
	if f.Lease.Err != nil {
		return unread(about, "leases.coordination.k8s.io in namespace "+f.Namespace, f.Lease.Err)
	}
	l := f.Lease.Value
	if l == nil {
		return noLease(f, about)
	}
	holder, since := ptr.Deref(l.Spec.HolderIdentity, ""), spoken(max(0, f.age(lastRenewed(l))))
	c := Check{State: OK, About: about, Found: fmt.Sprintf("%s leads, and said so %s ago", shortHolder(holder), since)}
	if f.leads(l) {
		return c
	}
	c.State = Failed
	c.Found = fmt.Sprintf("none: %s stopped leading %s ago without a word", shortHolder(holder), since)
	if holder == "" {
		c.Found = fmt.Sprintf("none: the last one stepped down %s ago", since)
	}
	c.Found += ". Nobody joins, leaves or gets a certificate until one leads; access stays as it is"
	c.Do = "Start the operator, or find out from its log why it cannot lead."
	if f.Deployment.Value != nil {
		c.Run = []string{logsOf(f.Namespace)}
	}
	return c
}

func noLease(f *Facts, about string) Check {
	c := Check{State: Note, About: about, Found: "there is no Lease: the operator runs without --leader-elect, as one replica"}
	if f.life() == alive {
		if f.readsDirectories() {
			c.Found += "; it reads Directories"
		}
		return c
	}
	c.State, c.Found = Warning, "there is no Lease, and nothing else tells whether an operator works"
	c.Do = "Start the operator, with --leader-elect: then the Lease tells that it is there."
	c.See = "docs/install.md"
	return c
}

// shortHolder is whoever leads, without what makes the name unique.
func shortHolder(holder string) string {
	name, _, _ := strings.Cut(holder, "_")
	return name
}

func versions(f *Facts) Check {
	const about = "versions"
	if f.Installation.Err != nil {
		return unread(about, "installations.iam.rollcall.dev", f.Installation.Err)
	}
	i := f.Installation.Value
	c := Check{State: OK, About: about, Found: "operator and plugin are " + f.Plugin}
	switch {
	case i == nil:
		c.State, c.Found = Skipped, "there is no Installation yet, in which the operator says its version; the plugin is "+f.Plugin
	case i.Status.Version == "":
		c.State, c.Found = Warning, fmt.Sprintf("the operator does not say its version: it is older than this plugin, which is %s", f.Plugin)
		c.Do = "Upgrade the operator, or use the plugin of its version."
	case i.Status.Version != f.Plugin:
		c.State, c.Found = Warning, fmt.Sprintf("the operator is %s, and this plugin %s", i.Status.Version, f.Plugin)
		c.Do = "Use the plugin of the operator's version: what follows compares the cluster with what this plugin knows."
	}
	if c.State == Warning {
		c.See = "docs/upgrade.md"
	}
	return f.past(c)
}
