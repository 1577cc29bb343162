// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package questions_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/audit"
	"github.com/rollcall-iam/rollcall/internal/audit/questions"
	"github.com/rollcall-iam/rollcall/internal/audit/store"
	"github.com/rollcall-iam/rollcall/internal/ledger"
	"github.com/rollcall-iam/rollcall/internal/wire"
	"github.com/rollcall-iam/rollcall/test/shortledger"
)

func TestQuestions(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Questions")
}

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// reviews answers as an API server would, or as none should. That real ones let auditors in, and nobody else, test/audit shows.
type reviews struct {
	status authenticationv1.TokenReviewStatus
	fails  error
	asked  []authenticationv1.TokenReviewSpec
}

// Create implements the client of TokenReviews.
func (r *reviews) Create(
	_ context.Context, review *authenticationv1.TokenReview, _ metav1.CreateOptions,
) (*authenticationv1.TokenReview, error) {
	r.asked = append(r.asked, review.Spec)
	return &authenticationv1.TokenReview{Status: r.status}, r.fails
}

// users are the Users that there are, by name; beside them there are Grants, and bindings.
type users struct {
	client.Reader

	byName   map[string]string
	grants   []string
	bindings []rbacv1.RoleBinding
	fails    error
	// gets is called before.
	gets func()
}

// Get implements client.Reader.
func (u *users) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	if u.gets != nil {
		u.gets()
	}
	user, ok := into.(*v1alpha1.User)
	username, known := u.byName[key.Name]
	switch {
	case u.fails != nil:
		return u.fails
	case !ok || !known:
		return apierrors.NewNotFound(schema.GroupResource{Resource: "users"}, key.Name)
	}
	user.Name, user.Status.Username = key.Name, username
	return nil
}

// desk is the service, with a store, and whoever asks is an auditor.
type desk struct {
	reviews *reviews
	users   *users
	store   *store.Store
	// closed is why there is no store.
	closed error
	// ledger is nil where the operator keeps none, and locked why it is not open.
	ledger  *shortledger.Ledger
	locked  error
	handler http.Handler
	file    string
}

func newDesk(ctx context.Context, ledgers ...*shortledger.Ledger) *desk {
	GinkgoHelper()
	d := &desk{users: &users{byName: map[string]string{"alice": "corp:alice", "new": ""}}, reviews: &reviews{
		status: authenticationv1.TokenReviewStatus{
			Authenticated: true, Audiences: []string{"other", wire.Audience},
			User: authenticationv1.UserInfo{Username: "system:serviceaccount:rollcall-system:rollcall-auditor"},
		},
	}}
	folder, err := os.MkdirTemp("", "rollcall-questions-")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(os.RemoveAll, folder)
	d.file = filepath.Join(folder, "audit.db")
	d.store, err = store.Open(ctx, "sqlite:"+d.file)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { _ = d.store.Close() })
	service := questions.Service{
		Cache: d.users, Reviews: d.reviews, Namespace: "rollcall-system", Clock: clocktesting.NewFakePassiveClock(noon),
		Store: func() (*store.Store, error) { return d.store, d.closed },
	}
	if len(ledgers) > 0 {
		d.ledger = ledgers[0]
		service.Proofs = func() (*ledger.Copy, error) {
			if d.locked != nil {
				return nil, d.locked
			}
			return d.ledger.Copy(d.ledger.Key)
		}
	}
	d.handler = service.Handler()
	return d
}

// asks is a question, and what is done to its request.
func (d *desk) asks(ctx context.Context, method, path string, body io.Reader, edits ...func(*http.Request)) *httptest.ResponseRecorder {
	request := httptest.NewRequestWithContext(ctx, method, path, body)
	request.Header.Set("Authorization", "Bearer token")
	for _, edit := range edits {
		edit(request)
	}
	response := httptest.NewRecorder()
	d.handler.ServeHTTP(response, request)
	return response
}

// gets is what is found at a path with parameters: name, value and so on.
func (d *desk) gets(ctx context.Context, path string, parameters ...string) *httptest.ResponseRecorder {
	query := url.Values{}
	for parameter := range slices.Chunk(parameters, 2) {
		query.Set(parameter[0], parameter[1])
	}
	return d.asks(ctx, http.MethodGet, path+"?"+query.Encode(), nil)
}

// found is what an answer says.
func found(response *httptest.ResponseRecorder) wire.Explained {
	GinkgoHelper()
	Expect(response.Code).To(Equal(http.StatusOK), response.Body.String())
	Expect(response.Header().Get("Content-Type")).To(Equal("application/json"))
	var explained wire.Explained
	Expect(json.Unmarshal(response.Body.Bytes(), &explained)).To(Succeed())
	return explained
}

// ids are the audit ids of what was found.
func ids(explained wire.Explained) []string {
	all := make([]string, len(explained.Items))
	for i := range explained.Items {
		all[i] = explained.Items[i].Event.AuditID
	}
	return all
}

// event is one of somebody, so long from noon.
func event(auditID, username string, from time.Duration) audit.Line {
	GinkgoHelper()
	at := noon.Add(from).Format("2006-01-02T15:04:05.000000Z07:00")
	line, err := audit.ReadLine(fmt.Appendf(nil, `{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":%q,"stage":"ResponseComplete",`+
		`"verb":"list","requestURI":"/api/v1/pods","user":{"username":%q},"stageTimestamp":%q,"requestReceivedTimestamp":%q}`,
		auditID, username, at, at))
	Expect(err).NotTo(HaveOccurred())
	return line
}

// keeps has the store keep events.
func (d *desk) keeps(ctx context.Context, lines ...audit.Line) {
	GinkgoHelper()
	_, err := d.store.Append(ctx, "one", lines, noon)
	Expect(err).NotTo(HaveOccurred())
}
