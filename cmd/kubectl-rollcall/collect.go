// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/config"
	"github.com/rollcall-iam/rollcall/internal/doctor"
)

const (
	usersFile = "objects/users.yaml"
	// logLines and logBytes are how much of each log there is, the newest.
	logLines = 5000
	logBytes = 8 << 20
)

// collector gathers what goes into a bundle.
type collector struct {
	client.Client

	supplies
	namespace string
	names     map[string]bool
}

// collect reads what there is to be read. Without Users nobody would be known by name, and so nothing could be handed on.
func (t *tool) collect(ctx context.Context, report *doctor.Report, keepNames bool) (*supplies, error) {
	c, err := t.client()
	if err != nil {
		return nil, err
	}
	objects, err := config.Read()
	if err != nil {
		return nil, err
	}
	k := &collector{
		Client: c, namespace: report.Namespace, names: map[string]bool{},
		supplies: supplies{objects: map[string][]unstructured.Unstructured{}, texts: map[string]string{}, report: report, left: []leftOut{
			{"Secrets and ConfigMaps", "none was read"}, {"metrics", "they are the operator's to serve, and were not asked for"},
		}},
	}
	for i := range objects.Policies {
		k.names[objects.Policies[i].Name] = true
	}
	for i := range objects.Roles {
		k.names[objects.Roles[i].Name] = true
	}
	if err := k.people(ctx, objects.Kinds); err != nil && !keepNames {
		return nil, err
	}
	k.cluster(ctx, objects.Kinds)
	k.operator(ctx)
	return &k.supplies, k.logs(ctx, t)
}

// people reads all objects of our kinds.
func (k *collector) people(ctx context.Context, kinds []unstructured.Unstructured) error {
	var unknown error
	for i := range kinds {
		plural, _, _ := unstructured.NestedString(kinds[i].Object, "spec", "names", "plural")
		kind, _, _ := unstructured.NestedString(kinds[i].Object, "spec", "names", "kind")
		group := schema.GroupVersionKind{Group: "iam.rollcall.dev", Version: "v1alpha1", Kind: kind}
		file := "objects/" + plural + ".yaml"
		err := k.list(ctx, file, group, nil)
		if file == usersFile {
			unknown = nobodyKnown(err)
		}
	}
	return unknown
}

// nobodyKnown says that people could not be found by name, and what to do. Where Users are not served, logs still name them.
func nobodyKnown(err error) error {
	switch {
	case err == nil:
		return nil
	case meta.IsNoMatchError(err):
		return errors.New("this cluster does not serve Users, so that their names could not be found in logs and events: install the kinds " +
			"(kubectl rollcall doctor says how), or leave names as they are by --keep-names")
	default:
		return fmt.Errorf("you cannot read Users, so that their names could not be found in the rest: be bound to the ClusterRole "+
			"rollcall-viewer, or leave names as they are by --keep-names: %w", err)
	}
}

// cluster reads what the API server keeps of the installation.
func (k *collector) cluster(ctx context.Context, kinds []unstructured.Unstructured) {
	definition := schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"}
	for i := range kinds {
		k.get(ctx, "cluster/kinds.yaml", definition, client.ObjectKey{Name: kinds[i].GetName()})
	}
	for j := range k.objects["cluster/kinds.yaml"] {
		withoutSchemas(&k.objects["cluster/kinds.yaml"][j])
	}
	admission := schema.GroupVersion{Group: "admissionregistration.k8s.io", Version: "v1"}
	rbac := schema.GroupVersion{Group: "rbac.authorization.k8s.io", Version: "v1"}
	of := func(o *unstructured.Unstructured) string { return o.GetName() }
	role := func(o *unstructured.Unstructured) string {
		name, _, _ := unstructured.NestedString(o.Object, "roleRef", "name")
		return name
	}
	policy := func(o *unstructured.Unstructured) string {
		name, _, _ := unstructured.NestedString(o.Object, "spec", "policyName")
		return name
	}
	for _, what := range []struct {
		file string
		kind schema.GroupVersionKind
		name func(*unstructured.Unstructured) string
	}{
		{"cluster/policies.yaml", admission.WithKind("ValidatingAdmissionPolicy"), of},
		{"cluster/policy-bindings.yaml", admission.WithKind("ValidatingAdmissionPolicyBinding"), policy},
		{"cluster/clusterroles.yaml", rbac.WithKind("ClusterRole"), of},
		{"cluster/roles.yaml", rbac.WithKind("Role"), of},
		{"cluster/clusterrolebindings.yaml", rbac.WithKind("ClusterRoleBinding"), role},
		{"cluster/rolebindings.yaml", rbac.WithKind("RoleBinding"), role},
	} {
		_ = k.list(ctx, what.file, what.kind, func(o *unstructured.Unstructured) bool { return k.names[what.name(o)] })
	}
}

// withoutSchemas takes out what is the same everywhere, and what the doctor has compared.
func withoutSchemas(definition *unstructured.Unstructured) {
	versions, _, _ := unstructured.NestedSlice(definition.Object, "spec", "versions")
	for _, version := range versions {
		if version, ok := version.(map[string]any); ok {
			delete(version, "schema")
			delete(version, "additionalPrinterColumns")
		}
	}
	_ = unstructured.SetNestedSlice(definition.Object, versions, "spec", "versions") // It is as it was read.
}

// operator reads what runs.
func (k *collector) operator(ctx context.Context) {
	k.get(ctx, "operator/deployment.yaml", schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"},
		client.ObjectKey{Namespace: k.namespace, Name: doctor.DeploymentName})
	k.get(ctx, "operator/lease.yaml", schema.GroupVersionKind{Group: "coordination.k8s.io", Version: "v1", Kind: "Lease"},
		client.ObjectKey{Namespace: k.namespace, Name: doctor.LeaseName})
	where := client.InNamespace(k.namespace)
	_ = k.list(ctx, "operator/events.yaml", schema.GroupVersionKind{Version: "v1", Kind: "Event"}, nil, where)
	// Those of kinds that are in no namespace are there.
	_ = k.list(ctx, "objects/events.yaml", schema.GroupVersionKind{Version: "v1", Kind: "Event"}, func(o *unstructured.Unstructured) bool {
		version, _, _ := unstructured.NestedString(o.Object, "involvedObject", "apiVersion")
		return strings.HasPrefix(version, "iam.rollcall.dev/")
	}, client.InNamespace(metav1.NamespaceDefault))
	_ = k.list(ctx, "operator/pods.yaml", schema.GroupVersionKind{Version: "v1", Kind: "Pod"}, nil, where,
		client.MatchingLabels{"app.kubernetes.io/name": "rollcall"})
}

// logs of the operator's containers, and of those that were before them.
func (k *collector) logs(ctx context.Context, t *tool) error {
	configuration, err := t.flags.ToRESTConfig()
	if err != nil {
		return err
	}
	clientset, err := kubernetes.NewForConfig(configuration)
	if err != nil {
		return err
	}
	pods := k.objects["operator/pods.yaml"]
	if len(pods) == 0 {
		k.leave("logs of the operator", errors.New("it has no Pods that could be seen: add its log where it runs elsewhere"))
	}
	for i := range pods {
		containers, _, _ := unstructured.NestedSlice(pods[i].Object, "spec", "containers")
		for j, container := range containers {
			container, _ := container.(map[string]any)
			name, _ := container["name"].(string)
			file := logFile(pods[i].GetName(), name, i, j)
			k.log(ctx, clientset, file+".log", pods[i].GetName(), name, false)
			k.log(ctx, clientset, file+".previous.log", pods[i].GetName(), name, true)
		}
	}
	return nil
}

// logFile is where a container's log goes, without its ending. What would be no name that an API server takes, or is too long for a file's,
// is numbered.
func logFile(pod, container string, atPod, atContainer int) string {
	const longest = 150
	name := pod + "-" + container
	if len(name) > longest || len(validation.IsDNS1123Subdomain(pod))+len(validation.IsDNS1123Label(container)) > 0 {
		name = fmt.Sprintf("pod-%d-container-%d", atPod+1, atContainer+1)
	}
	return "operator/logs/" + name
}

func (k *collector) log(ctx context.Context, clientset kubernetes.Interface, file, pod, container string, previous bool) {
	stream, err := clientset.CoreV1().Pods(k.namespace).GetLogs(pod, &corev1.PodLogOptions{
		Container: container, Previous: previous, TailLines: new(int64(logLines)),
	}).Stream(ctx)
	if previous && apierrors.IsBadRequest(err) {
		return // There was none before.
	}
	if err != nil {
		k.leave(file, err)
		return
	}
	defer func() { _ = stream.Close() }()
	text, before, err := tail(stream, logBytes)
	if err != nil {
		k.leave("the rest of "+file, err)
	}
	if before > 0 {
		k.leave("the beginning of "+file, fmt.Errorf("%s: only the newest are kept", sized(before)))
	}
	if err == nil || len(text) > 0 {
		k.texts[file] = strings.ToValidUTF8(string(text), "?")
	}
}

// tail reads all there is, keeps at most so many of the last bytes, in whole lines, and says how many came before.
func tail(from io.Reader, most int) (text []byte, before int, err error) {
	chunk := make([]byte, 32<<10)
	for err == nil {
		var n int
		n, err = from.Read(chunk)
		text = append(text, chunk[:n]...)
		if len(text) > 2*most { // Not for every chunk: the rest is moved each time.
			before += len(text) - most
			text = append(text[:0], text[len(text)-most:]...)
		}
	}
	if over := len(text) - most; over > 0 {
		before += over
		text = text[over:]
	}
	if line := bytes.IndexByte(text, '\n') + 1; before > 0 {
		before += line
		text = text[line:]
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return text, before, err
}

// leave notes what could not be had.
func (k *collector) leave(what string, err error) {
	why := err.Error()
	switch {
	case apierrors.IsForbidden(err):
		why = "you may not read it"
	case meta.IsNoMatchError(err):
		why = "the cluster does not serve it"
	}
	k.left = append(k.left, leftOut{what, why})
}

// list reads a kind, page by page, of which only some may be wanted.
func (k *collector) list(ctx context.Context, file string, kind schema.GroupVersionKind, wanted func(*unstructured.Unstructured) bool,
	options ...client.ListOption,
) error {
	next, many := "", kind
	many.Kind += "List"
	for {
		found := &unstructured.UnstructuredList{}
		found.SetGroupVersionKind(many)
		if err := k.List(ctx, found, append(options, client.Limit(page), client.Continue(next))...); err != nil {
			delete(k.objects, file) // Half of it would look like all.
			k.leave(file, err)
			return err
		}
		for i := range found.Items {
			if o := &found.Items[i]; wanted == nil || wanted(o) {
				o.SetGroupVersionKind(kind)
				k.objects[file] = append(k.objects[file], *o)
			}
		}
		if next = found.GetContinue(); next == "" {
			return nil
		}
	}
}

// get reads one object.
func (k *collector) get(ctx context.Context, file string, kind schema.GroupVersionKind, key client.ObjectKey) {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(kind)
	err := k.Get(ctx, key, object)
	switch {
	case apierrors.IsNotFound(err):
		k.left = append(k.left, leftOut{fmt.Sprintf("%s %s", kind.Kind, key.Name), "there is none"})
	case err != nil:
		k.leave(fmt.Sprintf("%s %s", kind.Kind, key.Name), err)
	default:
		k.objects[file] = append(k.objects[file], *object)
	}
}
