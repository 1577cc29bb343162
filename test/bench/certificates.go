// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	watchtools "k8s.io/client-go/tools/watch"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	iamac "github.com/rollcall-iam/rollcall/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/controllers"
	"github.com/rollcall-iam/rollcall/internal/issue"
	"github.com/rollcall-iam/rollcall/internal/operator"
	"github.com/rollcall-iam/rollcall/internal/pki"
	"github.com/rollcall-iam/rollcall/internal/proof"
	"github.com/rollcall-iam/rollcall/internal/signer"
	"github.com/rollcall-iam/rollcall/test/installation"
	"github.com/rollcall-iam/rollcall/test/internal/process"
)

const (
	rowCertificates = "certificates"
	// turns is in how many parts of the holders the ways to certificates take turns.
	turns = 4
	// turnQuiet is how long almost nothing may be written before a turn.
	turnQuiet = time.Second
)

// holder is somebody who is to have a certificate.
type holder struct {
	user    *v1alpha1.User
	key     *ecdsa.PrivateKey
	request []byte
	session string
	issued  issue.Issued
}

// rates are how fast certificates were had, in each way.
type rates struct {
	bare, csr, csrIssued, ca, record, caIssued, caRenewed rate
}

// rate is what some certificates took.
type rate struct {
	n         int
	took, cpu time.Duration
}

func (r rate) second() float64 { return float64(r.n) / r.took.Seconds() }

// each is the processor time for one, in milliseconds.
func (r rate) each() float64 { return r.cpu.Seconds() * 1000 / float64(r.n) }

// certify measures how fast certificates are had from both signers: by themselves, and by way of the operator, which checks and records.
func (b *bench) certify(ctx context.Context) ([]line, error) {
	if err := b.create(ctx, "Users", b.company.userObjects()[:b.certificates]); err != nil {
		return nil, err
	}
	var r rates
	b.say("measuring certificates: the certificates API")
	err := b.operate(ctx, operator.SignerCSR, func(ctx context.Context, i *issue.Issuer, bare bareClient) error {
		there := []task{{&r.bare, bare.request}, {&r.csr, signed(i.Signer)}, {&r.csrIssued, issued(i)}}
		back := slices.Clone(there)
		slices.Reverse(back)
		return b.rates(ctx, i, there, back)
	})
	if err != nil {
		return nil, err
	}
	b.say("measuring certificates: the operator's own authority")
	err = b.operate(ctx, operator.SignerCA, func(ctx context.Context, i *issue.Issuer, bare bareClient) error {
		return b.rates(ctx, i, []task{{&r.ca, signed(i.Signer)}, {&r.record, bare.record}, {&r.caIssued, issued(i)}, {&r.caRenewed, issued(i)}})
	})
	return r.lines(), err
}

// bareClient does what has to be done for a certificate and no more. It is the operator to the API server, which asks the same of both.
type bareClient struct {
	set    kubernetes.Interface
	client client.Client
}

func (b *bench) bareClient(kubeconfig string) (bare bareClient, err error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return bare, err
	}
	config.QPS = -1
	if bare.set, err = kubernetes.NewForConfig(config); err != nil {
		return bare, err
	}
	bare.client, err = client.New(config, client.Options{Scheme: b.admin.Scheme()})
	return bare, err
}

// operate runs the operator in this process, with a signer, for as long as something is done with what issues its certificates.
func (b *bench) operate(ctx context.Context, signs string, do func(context.Context, *issue.Issuer, bareClient) error) error {
	kubeconfig, err := installation.ServiceAccountKubeconfig(ctx, b.plane, b.plane.URL())
	if err != nil {
		return err
	}
	bare, err := b.bareClient(kubeconfig)
	if err != nil {
		return err
	}
	options := &operator.Options{
		Kubeconfig: kubeconfig, Namespace: installation.Namespace, ClusterServer: b.plane.URL(), MetricsBindAddress: "0",
		HealthProbeBindAddress: "0", SessionRetention: 24 * time.Hour, Signer: signs, CADuration: 48 * time.Hour,
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	var failed error
	//nolint:contextcheck // What is registered runs until the manager ends, which has its own context.
	err = operator.Run(running, options, logr.Discard(), func(mgr ctrl.Manager, e operator.Environment) error {
		if err := controllers.Register(renamed{mgr}, e); err != nil {
			return err
		}
		issuer := &issue.Issuer{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Signer: e.Signer, Clock: e.Clock}
		return mgr.Add(manager.RunnableFunc(func(ctx context.Context) error {
			defer stop()
			failed = errors.Join(b.quiet(ctx), do(ctx, issuer, bare))
			return nil
		}))
	})
	return errors.Join(failed, err)
}

// renamed is a manager whose controllers may have names that others in this process had before.
type renamed struct{ ctrl.Manager }

func (r renamed) GetControllerOptions() config.Controller {
	options := r.Manager.GetControllerOptions()
	options.SkipNameValidation = new(true)
	return options
}

// holders begin a Session each, for a key of their own.
func (b *bench) holders(ctx context.Context, i *issue.Issuer, n int) ([]*holder, error) {
	holders := make([]*holder, n)
	for at := range holders {
		h := &holder{user: &v1alpha1.User{}}
		if err := b.admin.Get(ctx, client.ObjectKey{Name: personName(at)}, h.user); err != nil {
			return nil, err
		}
		var err error
		if h.key, err = pki.NewKey(); err != nil {
			return nil, err
		}
		if h.request, err = pki.NewRequest(h.key, subjectOf(h.user)); err != nil {
			return nil, err
		}
		holders[at] = h
	}
	return holders, each(ctx, holders, func(ctx context.Context, h *holder) error { return h.begin(ctx, i) })
}

func (h *holder) begin(ctx context.Context, i *issue.Issuer) error {
	parsed, err := pki.ParseRequest(h.request)
	if err != nil {
		return err
	}
	s := &v1alpha1.Session{
		ObjectMeta: metav1.ObjectMeta{GenerateName: h.user.Name + "-"},
		Spec: v1alpha1.SessionSpec{
			UserRef: v1alpha1.UserReference{Name: h.user.Name, UID: string(h.user.UID)}, Username: h.user.Status.Username,
			KeyFingerprint: proof.KeyFingerprint(parsed.RawSubjectPublicKeyInfo), Custody: v1alpha1.CustodyClient, MaxDurationSeconds: 36000,
			Authentication: v1alpha1.SessionAuthentication{Method: v1alpha1.MethodOIDC, Time: metav1.Now()},
		},
	}
	if err := i.Begin(ctx, s, h.key.Public()); err != nil {
		return err
	}
	h.session = s.Name
	return nil
}

func subjectOf(user *v1alpha1.User) pki.Subject {
	return pki.Subject{Username: user.Status.Username, UID: string(user.UID)}
}

// signed has a certificate signed.
func signed(by signer.Signer) func(context.Context, *holder) error {
	return func(ctx context.Context, h *holder) error {
		_, err := by.Sign(ctx, signer.Request{User: h.user, Subject: subjectOf(h.user), CSR: h.request, Duration: time.Hour})
		return err
	}
}

// issued has one signed and recorded in the Session, the first or the next.
func issued(i *issue.Issuer) func(context.Context, *holder) error {
	return func(ctx context.Context, h *holder) (err error) {
		request := issue.Request{Session: h.session, CSR: h.request}
		if h.issued.Certificate != nil {
			request.Predecessor = pki.Fingerprint(h.issued.Certificate)
		}
		h.issued, err = i.Issue(ctx, request)
		return err
	}
}

// request is what a bare client does for a certificate: create, approve, wait.
func (b bareClient) request(ctx context.Context, h *holder) error {
	requests := b.set.CertificatesV1().CertificateSigningRequests()
	created, err := requests.Create(ctx, &certificatesv1.CertificateSigningRequest{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "bare-"},
		Spec: certificatesv1.CertificateSigningRequestSpec{
			Request: h.request, SignerName: certificatesv1.KubeAPIServerClientSignerName, ExpirationSeconds: new(int32(3600)),
			Usages: []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageClientAuth},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	created.Status.Conditions = []certificatesv1.CertificateSigningRequestCondition{{
		Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue, Reason: "Bench", Message: "measured",
	}}
	approved, err := requests.UpdateApproval(ctx, created.Name, created, metav1.UpdateOptions{})
	if err != nil {
		return err
	}
	one := &cache.ListWatch{WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
		o.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, approved.Name).String()
		return requests.Watch(ctx, o)
	}}
	_, err = watchtools.Until(ctx, approved.ResourceVersion, one, func(e watch.Event) (bool, error) {
		request, ok := e.Object.(*certificatesv1.CertificateSigningRequest)
		return ok && len(request.Status.Certificate) > 0, nil
	})
	return err
}

// record is what a bare client reads and writes to have a certificate on record as the operator has it, without checking anything.
func (b bareClient) record(ctx context.Context, h *holder) error {
	s := &v1alpha1.Session{}
	if err := b.client.Get(ctx, client.ObjectKey{Name: h.session}, s); err != nil {
		return err
	}
	if err := b.client.Get(ctx, client.ObjectKeyFromObject(h.user), h.user); err != nil {
		return err
	}
	some := iamac.SessionCertificate().WithFingerprint(s.Spec.KeyFingerprint).WithSerialNumber(s.Spec.KeyFingerprint).
		WithNotBefore(metav1.Now()).WithNotAfter(metav1.Now())
	status := iamac.SessionStatus().WithCertificates(some).WithIssued(1).WithLastRenewTime(metav1.Now())
	return b.client.Status().Apply(ctx, iamac.Session(s.Name).WithStatus(status), client.FieldOwner("bare"), client.ForceOwnership)
}

// task is something that is done for every holder, and where its rate goes.
type task struct {
	rate *rate
	do   func(context.Context, *holder) error
}

// rates measure how many a second are done, many at a time: all tasks in turn for a part of the holders, then for the next, so that what
// else the machine does meets all of them. Where there are several orders, the parts take them in turn: who comes later may meet what is
// left of the one before. Each begins when nothing is written any more.
func (b *bench) rates(ctx context.Context, i *issue.Issuer, orders ...[]task) error {
	holders, err := b.holders(ctx, i, b.certificates)
	if err != nil {
		return err
	}
	for at, part := range slices.Collect(slices.Chunk(holders, (len(holders)+turns-1)/turns)) {
		for _, t := range orders[at%len(orders)] {
			if err := b.turn(ctx, part, t); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bench) turn(ctx context.Context, part []*holder, t task) error {
	if err := b.quietFor(ctx, turnQuiet); err != nil {
		return err
	}
	began, before := time.Now(), b.ours()
	if err := each(ctx, part, t.do); err != nil {
		return err
	}
	t.rate.n, t.rate.took, t.rate.cpu = t.rate.n+len(part), t.rate.took+time.Since(began), t.rate.cpu+b.ours()-before
	return nil
}

// ours is the processor time of the control plane and of this process, in which the operator and the bare client are.
func (b *bench) ours() time.Duration {
	used := process.CPU(os.Getpid())
	for _, pid := range b.plane.PIDs() {
		used += process.CPU(pid)
	}
	return used
}

func each(ctx context.Context, holders []*holder, do func(context.Context, *holder) error) error {
	doing, inner := errgroup.WithContext(ctx)
	doing.SetLimit(writers)
	for _, h := range holders {
		doing.Go(func() error {
			if err := do(inner, h); err != nil {
				return fmt.Errorf("certificate of %s: %w", h.user.Name, err)
			}
			return nil
		})
	}
	return doing.Wait()
}

// lines of the row.
func (r rates) lines() []line {
	of := func(what string, value, to rate, goal string) line {
		l := line{Row: rowCertificates, What: what, Value: value.second(), Unit: unitRate, Goal: goal}
		if to.n > 0 {
			l.Ratio = value.second() / to.second()
		}
		return l
	}
	cpu := func(what string, value rate) line {
		return line{
			Row: rowCertificates, What: "processor time for each, " + what, Value: value.each(), Unit: unitMilliseconds,
			Ratio: value.each() / r.bare.each(),
		}
	}
	list := []line{
		of("certificates API, by a bare client", r.bare, rate{}, ""),
		of("certificates API, by the operator's signer", r.csr, r.bare, "at least 0.80 x"),
		of("certificates API, checked and recorded in a Session", r.csrIssued, r.bare, ""),
	}
	if r.bare.cpu > 0 { // Not every system tells.
		list = append(list, cpu("by a bare client", r.bare), cpu("by the operator's signer", r.csr),
			cpu("checked and recorded in a Session", r.csrIssued))
	}
	return append(list,
		of("own authority, by the operator's signer", r.ca, rate{}, "at least 1,000/s"),
		of("the same reads and writes of a Session, by a bare client", r.record, rate{}, ""),
		of("own authority, checked and recorded in a Session", r.caIssued, r.record, ""),
		of("own authority, renewed: the same once more", r.caRenewed, r.record, ""),
	)
}
