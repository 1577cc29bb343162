// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"encoding/base64"
	"slices"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sync/errgroup"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	certificatesclient "k8s.io/client-go/kubernetes/typed/certificates/v1"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/internal/pki"
	"github.com/rollcall-iam/rollcall/internal/signer"
	"github.com/rollcall-iam/rollcall/internal/signer/csr"
	"github.com/rollcall-iam/rollcall/test/installation"
)

type csrs = certificatesclient.CertificateSigningRequestInterface

// impatient is a signer that gives up early, so that a spec need not wait.
type impatient struct{ signer.Signer }

func (i impatient) Sign(ctx context.Context, request signer.Request) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return i.Signer.Sign(ctx, request)
}

// interrupted is a signer during whose work something happens.
type interrupted struct {
	signer.Signer
	by func()
}

func (i interrupted) Sign(ctx context.Context, request signer.Request) ([]byte, error) {
	chain, err := i.Signer.Sign(ctx, request)
	i.by()
	return chain, err
}

// meddled is the API of requests, where something happens between the check and the approval.
type meddled struct {
	csrs
	before func(ctx context.Context, name string)
	name   string
}

func (m *meddled) UpdateApproval(
	ctx context.Context, name string, request *certificatesv1.CertificateSigningRequest, options metav1.UpdateOptions,
) (*certificatesv1.CertificateSigningRequest, error) {
	m.name = name
	m.before(ctx, name)
	return m.csrs.UpdateApproval(ctx, name, request, options)
}

// watched remembers the name of the request that was created.
type watched struct {
	csrs
	name string
}

func (o *watched) Create(
	ctx context.Context, request *certificatesv1.CertificateSigningRequest, options metav1.CreateOptions,
) (*certificatesv1.CertificateSigningRequest, error) {
	created, err := o.csrs.Create(ctx, request, options)
	if err == nil {
		o.name = created.Name
	}
	return created, err
}

// fragile is the API of requests, whose watches can be broken.
type fragile struct {
	csrs
	lock    sync.Mutex
	watches []watch.Interface
	from    []string
}

func (f *fragile) Watch(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	begun, err := f.csrs.Watch(ctx, options)
	if err == nil {
		f.lock.Lock()
		defer f.lock.Unlock()
		f.watches, f.from = append(f.watches, begun), append(f.from, options.ResourceVersion)
	}
	return begun, err
}

// breaks ends the watch that is, and says how many there have been.
func (f *fragile) breaks() int {
	f.lock.Lock()
	defer f.lock.Unlock()
	f.watches[len(f.watches)-1].Stop()
	return len(f.watches)
}

func (f *fragile) begun() []string {
	f.lock.Lock()
	defer f.lock.Unlock()
	return slices.Clone(f.from)
}

// signing are specs of requests that must not be approved, and of signers that do not sign.
func signing(s *stage) {
	BeforeAll(s.still)
	var requests, admin csrs
	BeforeAll(func() {
		config, err := clientcmd.BuildConfigFromFlags("", s.kubeconfig)
		Expect(err).NotTo(HaveOccurred())
		requests = kubernetes.NewForConfigOrDie(config).CertificatesV1().CertificateSigningRequests()
		admin = s.set.CertificatesV1().CertificateSigningRequests()
	})
	refused := func(ctx SpecContext, by *csr.Signer, api *watched, words ...string) {
		GinkgoHelper()
		s.freeze(2)
		chain, err := by.Sign(ctx, ownedBy(aliceRequest(), s.somebody(ctx)))
		Expect(chain).To(BeEmpty())
		problem := outcome.Of(err, "other")
		Expect(problem).To(SatisfyAll(HaveField("Reason", v1alpha1.ReasonSigningDenied), HaveField("Kind", outcome.Terminal)))
		for _, word := range words {
			Expect(problem.Message).To(ContainSubstring(word))
		}
		stored, err := admin.Get(ctx, api.name, metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(stored.Status.Conditions).To(BeEmpty(), "it is not approved")
	}

	// Every try makes a request of another name, which the User's status does not follow.
	triesQuietly := func(ctx SpecContext, user *v1alpha1.User) {
		GinkgoHelper()
		mark := s.mark()
		s.reconcile(ctx, credentialController, user)
		s.reconcile(ctx, userController, user)
		Expect(s.writes(mark)).To(SatisfyAll(Not(BeEmpty()), HaveEach(ContainSubstring(" certificatesigningrequests"))))
	}

	It("does not approve what it did not ask for", func(ctx SpecContext) {
		api := &watched{csrs: requests}
		refused(ctx, &csr.Signer{Requests: api, Requester: operatorUser + "-2"}, api, "requester", operatorUser, "not approved")
	})

	stranger, err := pki.NewKey()
	Expect(err).NotTo(HaveOccurred())
	changed, err := pki.NewRequest(stranger, pki.Subject{Username: "alice"})
	Expect(err).NotTo(HaveOccurred())
	byPolicy := func(ctx SpecContext, mutation admissionregistrationv1.Mutation, word string) {
		s.mutate(ctx, requests, mutation)
		api := &watched{csrs: requests}
		refused(ctx, &csr.Signer{Requests: api, Requester: operatorUser}, api, word)
	}
	DescribeTable("does not approve what was changed on its way, by a policy that changes", byPolicy,
		Entry("the lifetime", applying("Object{spec: Object.spec{expirationSeconds: 86400}}"), "lifetime"),
		Entry("the usages", patching(`[JSONPatch{op: "add", path: "/spec/usages/-", value: "key encipherment"}]`), "usages"),
		Entry("the bytes", patching(`[JSONPatch{op: "replace", path: "/spec/request", value: "`+
			base64.StdEncoding.EncodeToString(changed)+`"}]`), "request was changed"),
	)

	DescribeTable("does not approve", func(ctx SpecContext, meddle func(context.Context, csrs, string), matcher func(error) bool) {
		s.freeze(2)
		api := &meddled{csrs: requests, before: func(ctx context.Context, name string) { meddle(ctx, admin, name) }}
		chain, err := (&csr.Signer{Requests: api, Requester: operatorUser}).Sign(ctx, ownedBy(aliceRequest(), s.somebody(ctx)))
		Expect(chain).To(BeEmpty())
		Expect(matcher(err)).To(BeTrue(), "%v", err)
		stored, err := admin.Get(ctx, api.name, metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(stored.Status.Conditions).NotTo(ContainElement(HaveField("Type", certificatesv1.CertificateApproved)))
	},
		Entry("what an administrator has denied", func(ctx context.Context, admin csrs, name string) {
			stored, err := admin.Get(ctx, name, metav1.GetOptions{})
			Expect(err).NotTo(HaveOccurred())
			stored.Status.Conditions = []certificatesv1.CertificateSigningRequestCondition{{
				Type: certificatesv1.CertificateDenied, Status: corev1.ConditionTrue, Reason: "No", Message: "not today",
			}}
			Expect(admin.UpdateApproval(ctx, name, stored, metav1.UpdateOptions{})).Error().NotTo(HaveOccurred())
		}, apierrors.IsConflict),
		Entry("a rival's request that took the name", func(ctx context.Context, admin csrs, name string) {
			Expect(admin.Delete(ctx, name, metav1.DeleteOptions{})).To(Succeed())
			rival := newCSR(aliceRequest())
			rival.Name = name
			Expect(admin.Create(ctx, rival, metav1.CreateOptions{})).Error().NotTo(HaveOccurred())
		}, apierrors.IsConflict),
	)

	It("follows all its requests in one watch, and goes on when that breaks", func(ctx SpecContext) {
		const many = 20
		thaw := s.freeze(2)
		api := &fragile{csrs: requests}
		by := &csr.Signer{Requests: api, Requester: operatorUser}
		asking, approved := errgroup.Group{}, s.mark()
		for range many {
			request := ownedBy(aliceRequest(), s.somebody(ctx))
			asking.Go(func() error {
				chain, err := by.Sign(ctx, request)
				if err != nil {
					return err
				}
				parsed, err := pki.ParseRequest(request.CSR)
				if err != nil {
					return err
				}
				_, err = pki.CheckCertificate(chain, parsed.PublicKey, request.Subject)
				return err
			})
		}
		Eventually(ctx, func() []string { return csrsIn(s.writes(approved)) }).Should(HaveLen(2 * many))
		Expect(api.breaks()).To(Equal(1), "one watch for all")
		thaw()
		Expect(asking.Wait()).To(Succeed())
		Expect(api.begun()).To(HaveLen(2))
		Expect(api.begun()[1]).NotTo(Equal(api.begun()[0]), "it goes on after what it has told")
	})

	It("says that a control plane does not sign, and goes on when it does", func(ctx SpecContext) {
		user := s.robot(installation.Namespace)
		s.create(ctx, user)
		s.reconcile(ctx, userController, user)
		thaw := s.freeze(2)
		s.with(impatient{s.environment.Signer})
		Expect(s.reconcile(ctx, credentialController, user)).To(BeNumerically(">", 0), "it tries again")
		s.reconcile(ctx, userController, user)
		Expect(s.condition(ctx, user, ready)).To(says(isFalse, v1alpha1.ReasonSigningFailed, certificatesv1.KubeAPIServerClientSignerName))
		Expect(s.condition(ctx, user, active)).To(says(isTrue, v1alpha1.ReasonActive), "the person may act, if by other means")
		Expect(s.gone(ctx, secretOf(user))).To(BeTrue())
		triesQuietly(ctx, user)
		thaw()
		Eventually(ctx, func() metav1.Condition {
			s.reconcile(ctx, credentialController, user)
			return s.condition(ctx, user, kubeconfig)
		}).Should(says(isTrue, v1alpha1.ReasonIssued))
	})

	It("leaves a request that it may not approve to a person", func(ctx SpecContext) {
		user := s.robot(installation.Namespace)
		s.create(ctx, user)
		s.reconcile(ctx, userController, user)
		s.with(&csr.Signer{Requests: requests, Requester: operatorUser + "-2"})
		s.reconcile(ctx, credentialController, user)
		s.reconcile(ctx, userController, user)
		Expect(s.condition(ctx, user, ready)).To(says(isFalse, v1alpha1.ReasonSigningDenied, "requester"))
		Expect(s.condition(ctx, user, stalled)).To(says(isTrue, v1alpha1.ReasonSigningDenied))
		Expect(s.gone(ctx, secretOf(user))).To(BeTrue())
		triesQuietly(ctx, user)
	})

	It("publishes nothing for a User that is deleted meanwhile", func(ctx SpecContext) {
		user := s.robot(installation.Namespace)
		s.create(ctx, user)
		s.reconcile(ctx, userController, user)
		s.with(interrupted{s.environment.Signer, func() { Expect(s.admin.Delete(ctx, user)).To(Succeed()) }})
		_, _ = s.attempt(ctx, credentialController, user)
		Expect(s.gone(ctx, secretOf(user))).To(BeTrue())
	})

	It("publishes nothing for a User of the same name that was made meanwhile", func(ctx SpecContext) {
		user, again := s.robot(installation.Namespace), &v1alpha1.User{}
		s.create(ctx, user)
		s.reconcile(ctx, userController, user)
		s.with(interrupted{s.environment.Signer, func() {
			Expect(s.admin.Delete(ctx, user)).To(Succeed())
			again = localUser(user.Name)
			again.Spec.Kubeconfig = user.Spec.Kubeconfig
			s.create(ctx, again)
			s.reconcile(ctx, userController, again)
		}})
		_, _ = s.attempt(ctx, credentialController, user)
		Expect(s.gone(ctx, secretOf(user))).To(BeTrue())
		Expect(get(ctx, s.world, again).Status.Certificate).To(BeNil())
	})

	It("publishes nothing for a User who is suspended meanwhile", func(ctx SpecContext) {
		user := s.robot(installation.Namespace)
		s.create(ctx, user)
		s.reconcile(ctx, userController, user)
		s.with(interrupted{s.environment.Signer, func() {
			change(ctx, s.world, user, func(u *v1alpha1.User) { u.Spec.State = v1alpha1.UserSuspended })
			s.reconcile(ctx, userController, user)
		}})
		_, _ = s.attempt(ctx, credentialController, user)
		Expect(s.gone(ctx, secretOf(user))).To(BeTrue())
		s.reconcile(ctx, credentialController, user)
		Expect(s.condition(ctx, user, kubeconfig)).To(says(isFalse, v1alpha1.ReasonUserInactive))
	})

	It("publishes nothing for a User who is locked out meanwhile", func(ctx SpecContext) {
		user := s.robot(installation.Namespace)
		s.create(ctx, user)
		s.reconcile(ctx, userController, user)
		s.with(interrupted{s.environment.Signer, func() {
			s.create(ctx, lockOn(s.name("lock"), v1alpha1.SubjectUser, user.Name))
			s.settle(ctx)
		}})
		s.reconcile(ctx, credentialController, user)
		Expect(s.gone(ctx, secretOf(user))).To(BeTrue())
		Expect(s.begunFor(ctx, user)).To(ConsistOf(HaveField("Spec.Termination.Reason", ContainSubstring("dropped"))))
	})

	DescribeTable("publishes nothing for a User whose spec says meanwhile", func(ctx SpecContext, how func(*v1alpha1.UserSpec)) {
		user := s.robot(installation.Namespace)
		secret := secretOf(user)
		s.create(ctx, user)
		s.reconcile(ctx, userController, user)
		s.with(interrupted{s.environment.Signer, func() {
			change(ctx, s.world, user, func(u *v1alpha1.User) { how(&u.Spec) }) // And the User controller has not seen it.
		}})
		s.reconcile(ctx, credentialController, user)
		Expect(s.gone(ctx, secret)).To(BeTrue())
		Expect(s.begunFor(ctx, user)).To(ConsistOf(HaveField("Spec.Termination.Reason", ContainSubstring("dropped"))))
	},
		Entry("that they are suspended", func(u *v1alpha1.UserSpec) { u.State = v1alpha1.UserSuspended }),
		Entry("that they have expired", func(u *v1alpha1.UserSpec) { u.ExpireTime = &metav1.Time{Time: time.Unix(1, 0)} }),
		Entry("that certificates are to be shorter", func(u *v1alpha1.UserSpec) { u.Kubeconfig.DurationSeconds = 600 }),
		Entry("that no kubeconfig is wanted", func(u *v1alpha1.UserSpec) { u.Kubeconfig = nil }),
	)

	It("publishes no certificate for a group that the User has left meanwhile, and ends its Session", func(ctx SpecContext) {
		user := s.robot(installation.Namespace)
		team := localGroup(s.name("team"), user.Name)
		grant := grantOf(s.name("grant"), v1alpha1.Subject{Kind: v1alpha1.SubjectGroup, Name: team.Name})
		grant.Spec.SubjectMode = v1alpha1.SubjectModeGroups
		s.create(ctx, user, team, grant)
		for controller, object := range map[string]client.Object{userController: user, groupController: team} {
			s.reconcile(ctx, controller, object)
		}
		s.reconcile(ctx, grantController, grant)
		left := false
		s.with(interrupted{s.environment.Signer, func() {
			if !left {
				left = true
				change(ctx, s.world, team, func(g *v1alpha1.Group) { g.Spec.Members = nil })
				s.settle(ctx)
			}
		}})
		s.reconcile(ctx, credentialController, user)
		Expect(s.gone(ctx, secretOf(user))).To(BeTrue())
		Expect(s.begunFor(ctx, user)).To(ConsistOf(And(
			HaveField("Status.Certificates", ConsistOf(HaveField("Groups", ConsistOf(team.Name)))),
			HaveField("Spec.Termination.Reason", ContainSubstring("dropped")))))

		s.reconcile(ctx, credentialController, user)
		Expect(certificateIn(Default, get(ctx, s.world, secretOf(user))).Subject.Organization).To(HaveExactElements(v1alpha1.ManagedGroup))
	})

	It("does not overwrite a Secret that somebody made meanwhile", func(ctx SpecContext) {
		user := s.robot(installation.Namespace)
		s.create(ctx, user)
		s.reconcile(ctx, userController, user)
		foreign := secretOf(user)
		s.with(interrupted{s.environment.Signer, func() { s.create(ctx, foreign) }})
		s.reconcile(ctx, credentialController, user)
		Expect(get(ctx, s.world, secretOf(user))).To(SatisfyAll(
			HaveField("ResourceVersion", foreign.ResourceVersion), HaveField("Data", BeEmpty())))
		s.reconcile(ctx, credentialController, user)
		Expect(s.condition(ctx, user, kubeconfig)).To(says(isFalse, v1alpha1.ReasonSecretConflict))
	})
}
