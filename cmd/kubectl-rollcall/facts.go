// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apiversion "k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/doctor"
)

const (
	// page is how many objects are read at a time: they are counted, not kept.
	page = 500
	// questions is how many are asked at a time.
	questions = 16
	// reach is how long the API server, and what the operator serves, may take to answer.
	reach = 10 * time.Second
)

// witness gathers facts.
type witness struct {
	client.Client

	facts   *doctor.Facts
	running errgroup.Group
}

// facts asks all that the doctor wants to know, at once. Without an answer of the API server there is nothing to know.
func (t *tool) facts(ctx context.Context, flags *doctorFlags, want *doctor.Expected) (*doctor.Facts, error) {
	c, err := t.client()
	if err != nil {
		return nil, err
	}
	configuration, err := t.flags.ToRESTConfig()
	if err != nil {
		return nil, err
	}
	server, err := greet(ctx, configuration)
	if err != nil {
		return nil, err
	}
	w := &witness{Client: c, facts: &doctor.Facts{Plugin: version, Server: *server}}
	f := w.facts
	f.Caller, _ = caller(ctx, c) // Without, it is not told.
	f.Namespace, f.ServiceAccount = w.operator(ctx, flags)
	w.installation(ctx)
	for _, look := range []func(context.Context){w.admission, w.workload, w.directories, w.people} {
		look(ctx)
	}
	w.kinds(ctx, want)
	w.rights(ctx, want)
	_ = w.running.Wait() // What could not be read is in the facts.
	return f, nil
}

// greet asks the API server for its version and the time.
func greet(ctx context.Context, configuration *rest.Config) (*doctor.Server, error) {
	address, _, err := rest.DefaultServerUrlFor(configuration)
	if err != nil {
		return nil, err
	}
	caller, err := rest.HTTPClientFor(configuration)
	if err != nil {
		return nil, err
	}
	caller.Timeout = reach
	told := &apiversion.Info{}
	server := &doctor.Server{URL: address.String()}
	// The second time without the handshake: the clock is compared to what lies between question and answer.
	for range 2 {
		server.Sent = time.Now()
		header, err := fetchJSON(ctx, caller, address.JoinPath("version").String(), told)
		server.Received = time.Now()
		if err != nil {
			return nil, fmt.Errorf("ask the API server for its version: %w", err)
		}
		if server.Date, err = http.ParseTime(header.Get("Date")); err != nil {
			return nil, fmt.Errorf("the API server at %s does not tell the time: %w: is something else there?", address, err)
		}
	}
	server.Version = told.GitVersion
	return server, nil
}

func fetchJSON(ctx context.Context, caller *http.Client, address string, into any) (http.Header, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := caller.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	const most = 1 << 20
	content, err := io.ReadAll(io.LimitReader(response.Body, most))
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", address, response.Status)
	}
	return response.Header, json.Unmarshal(content, into)
}

// operator is the namespace and name of its ServiceAccount: as flags say, else as its ClusterRole is bound.
func (w *witness) operator(ctx context.Context, flags *doctorFlags) (namespace, account string) {
	namespace, account = flags.namespace, flags.serviceAccount
	binding := &rbacv1.ClusterRoleBinding{}
	if namespace == "" || account == "" {
		_ = w.Get(ctx, client.ObjectKey{Name: "rollcall-manager"}, binding)
	}
	for _, subject := range binding.Subjects {
		if subject.Kind != rbacv1.ServiceAccountKind {
			continue
		}
		if namespace == "" {
			namespace = subject.Namespace
		}
		if account == "" {
			account = subject.Name
		}
	}
	if namespace == "" {
		namespace = "rollcall-system"
	}
	if account == "" {
		account = doctor.DeploymentName
	}
	return namespace, account
}

// look does something beside the rest.
func (w *witness) look(how func()) {
	w.running.Go(func() error {
		how()
		return nil
	})
}

// get reads an object; one that is not there is nil.
func get[T client.Object](ctx context.Context, c client.Reader, namespace, name string, into T) (read doctor.Read[T]) {
	err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, into)
	switch {
	case err == nil:
		read.Value = into
	case !apierrors.IsNotFound(err):
		read.Err = err
	}
	return read
}

// kinds reads the definitions of those that should be there, and no others.
func (w *witness) kinds(ctx context.Context, want *doctor.Expected) {
	f := w.facts
	f.Kinds.Value = map[string]*unstructured.Unstructured{}
	var mutex sync.Mutex
	for i := range want.Kinds {
		w.look(func() {
			definition := &unstructured.Unstructured{}
			definition.SetGroupVersionKind(schema.GroupVersionKind{
				Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition",
			})
			read := get(ctx, w, "", want.Kinds[i].GetName(), definition)
			mutex.Lock()
			defer mutex.Unlock()
			if read.Err != nil {
				f.Kinds.Err = read.Err
			} else if read.Value != nil {
				f.Kinds.Value[read.Value.GetName()] = read.Value
			}
		})
	}
}

func (w *witness) admission(ctx context.Context) {
	f := w.facts
	w.look(func() {
		var list admissionv1.ValidatingAdmissionPolicyList
		f.Policies.Err = w.List(ctx, &list)
		f.Policies.Value = list.Items
	})
	w.look(func() {
		var list admissionv1.ValidatingAdmissionPolicyBindingList
		f.PolicyBindings.Err = w.List(ctx, &list)
		f.PolicyBindings.Value = list.Items
	})
}

func (w *witness) workload(ctx context.Context) {
	f := w.facts
	w.look(func() { f.Deployment = get(ctx, w, f.Namespace, doctor.DeploymentName, &appsv1.Deployment{}) })
	w.look(func() { f.Lease = get(ctx, w, f.Namespace, doctor.LeaseName, &coordinationv1.Lease{}) })
	w.look(func() {
		var list corev1.PodList
		f.Pods.Err = w.List(ctx, &list, client.InNamespace(f.Namespace), client.MatchingLabels{"app.kubernetes.io/name": "rollcall"})
		f.Pods.Value = list.Items
	})
}

func (w *witness) directories(ctx context.Context) {
	f := w.facts
	w.look(func() {
		var list v1alpha1.DirectoryList
		f.Directories.Err = w.List(ctx, &list)
		f.Directories.Value = list.Items
	})
}

// rights asks of each whether the operator has it.
func (w *witness) rights(ctx context.Context, want *doctor.Expected) {
	f := w.facts
	w.look(func() {
		var (
			asking errgroup.Group
			mutex  sync.Mutex
		)
		asking.SetLimit(questions)
		f.Allowed.Value = map[doctor.Right]bool{}
		for _, right := range want.Rights(f.Namespace) {
			asking.Go(func() error {
				review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
					User:   "system:serviceaccount:" + f.Namespace + ":" + f.ServiceAccount,
					Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + f.Namespace, "system:authenticated"},
				}}
				review.Spec.ResourceAttributes, review.Spec.NonResourceAttributes = right.Attributes()
				if err := w.Create(ctx, review); err != nil {
					return err
				}
				mutex.Lock()
				defer mutex.Unlock()
				f.Allowed.Value[right] = review.Status.Allowed
				return nil
			})
		}
		f.Allowed.Err = asking.Wait()
	})
}

// people counts who and what is not Ready, page by page.
func (w *witness) people(ctx context.Context) {
	f := w.facts
	f.People = make([]doctor.Read[*doctor.Tally], 0, 4)
	tally(ctx, w, "users", func(l *v1alpha1.UserList, t *doctor.Tally) {
		for i := range l.Items {
			t.Add(&l.Items[i], l.Items[i].Status.Conditions, l.Items[i].Status.ObservedGeneration)
		}
	})
	tally(ctx, w, "groups", func(l *v1alpha1.GroupList, t *doctor.Tally) {
		for i := range l.Items {
			t.Add(&l.Items[i], l.Items[i].Status.Conditions, l.Items[i].Status.ObservedGeneration)
		}
	})
	tally(ctx, w, "grants", func(l *v1alpha1.GrantList, t *doctor.Tally) {
		for i := range l.Items {
			t.Add(&l.Items[i], l.Items[i].Status.Conditions, l.Items[i].Status.ObservedGeneration)
		}
	})
	tally(ctx, w, "locks", func(l *v1alpha1.LockList, t *doctor.Tally) {
		for i := range l.Items {
			t.Add(&l.Items[i], l.Items[i].Status.Conditions, l.Items[i].Status.ObservedGeneration)
		}
	})
}

func tally[T any, L interface {
	*T
	client.ObjectList
}](ctx context.Context, w *witness, resource string, add func(L, *doctor.Tally)) {
	counted := &doctor.Tally{Resource: resource}
	at := len(w.facts.People)
	w.facts.People = append(w.facts.People, doctor.Read[*doctor.Tally]{Value: counted}) // There is room: it does not move.
	w.look(func() { w.facts.People[at].Err = pages(ctx, w, func(list L) { add(list, counted) }) })
}

// pages reads a list page by page.
func pages[T any, L interface {
	*T
	client.ObjectList
}](ctx context.Context, c client.Reader, use func(L), options ...client.ListOption) error {
	next := ""
	for {
		list := L(new(T))
		if err := c.List(ctx, list, append(options, client.Limit(page), client.Continue(next))...); err != nil {
			return err
		}
		use(list)
		if next = list.GetContinue(); next == "" {
			return nil
		}
	}
}

// installation is read first: it says which services there are to be looked at.
func (w *witness) installation(ctx context.Context) {
	f := w.facts
	f.Installation = get(ctx, w, "", v1alpha1.InstallationName, &v1alpha1.Installation{})
	i := f.Installation.Value
	if i == nil {
		return
	}
	if i.Status.LoginURL != "" {
		w.look(func() {
			published := get(ctx, w, f.Namespace, "rollcall-serving-ca", &corev1.ConfigMap{})
			own := ""
			if published.Value != nil {
				own = published.Value.Data[corev1.ServiceAccountRootCAKey]
			}
			f.Login = visit(ctx, i.Status.LoginURL, []byte(own))
		})
	}
	if at := i.Status.Audit; at != nil {
		w.look(func() { f.Audit = visit(ctx, at.URL, at.CABundle) })
	}
}

// visit sees whether something answers at an address, and by which certificate. It shows no credentials.
func visit(ctx context.Context, address string, own []byte) *doctor.Endpoint {
	e := &doctor.Endpoint{URL: address}
	if at, err := url.Parse(address); err != nil || at.Scheme != "https" || at.Host == "" || at.User != nil {
		e.Err = "it is not asked: the Installation must name an https URL with a host, and without a user"
		if err == nil {
			e.URL = at.Redacted()
		}
		return e
	}
	fail := func(err error) *doctor.Endpoint {
		if inner, ok := errors.AsType[*url.Error](err); ok {
			err = inner.Err
		}
		e.Err = err.Error()
		return e
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, address, http.NoBody)
	if err != nil {
		return fail(err)
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		//nolint:gosec // The certificate is looked at below: what is wrong with it is what this wants to know. Nothing is sent or believed.
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true},
	}
	defer transport.CloseIdleConnections()
	visitor := &http.Client{Transport: transport, Timeout: reach, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	response, err := visitor.Do(request)
	if err != nil {
		return fail(err)
	}
	_ = response.Body.Close()
	if response.TLS == nil || len(response.TLS.PeerCertificates) == 0 {
		return fail(errors.New("what answers there shows no certificate: it must be https"))
	}
	e.NotAfter = response.TLS.PeerCertificates[0].NotAfter
	e.Own, e.Untrusted = trusted(response.TLS.PeerCertificates, request.URL.Hostname(), own)
	return e
}

// trusted says whether certificates are by an authority of ours rather than one that this machine knows, and what is wrong with them.
func trusted(chain []*x509.Certificate, host string, authority []byte) (own bool, why string) {
	between, ours := x509.NewCertPool(), x509.NewCertPool()
	for _, certificate := range chain[1:] {
		between.AddCert(certificate)
	}
	options := x509.VerifyOptions{DNSName: host, Intermediates: between}
	if end := chain[0].NotAfter; time.Now().After(end) {
		options.CurrentTime = end // That it has ended is told apart.
	}
	_, err := chain[0].Verify(options)
	if err == nil {
		return false, ""
	}
	if ours.AppendCertsFromPEM(authority) {
		options.Roots = ours
		_, byOurs := chain[0].Verify(options)
		if byOurs == nil {
			return true, ""
		}
		if !errors.As(byOurs, new(x509.UnknownAuthorityError)) {
			err = byOurs
		}
	}
	return false, strings.TrimPrefix(err.Error(), "x509: ")
}
