// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package coverage

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/rollcall-iam/rollcall/internal/usage"
)

const (
	// heartbeatPath is where a SelfSubjectReview is made: it asks for nothing and changes nothing, everybody may, and it is a create, which
	// policies log more than anything else.
	heartbeatPath = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
	metricsPath   = "/metrics"
	// auditID is the header in which an API server says under which audit id it logs a request.
	auditID = "Audit-Id"

	// errorsTotal is only there once there was an error; eventsTotal always is.
	errorsTotal, eventsTotal, processStart = "apiserver_audit_error_total", "apiserver_audit_event_total", "process_start_time_seconds"

	// patience is how long an API server may take, with metrics that are 50 MiB and more in a large cluster; mostMetrics and mostLine
	// bound them in bytes, and mostKept what is kept of them.
	patience              = 30 * time.Second
	mostMetrics, mostLine = 512 << 20, 1 << 20
	mostKept              = 64 << 10
)

// refusal is another status than what was asked for.
type refusal struct {
	path   string
	status int
}

func (r *refusal) Error() string { return fmt.Sprintf("%s was answered with %d", r.path, r.status) }

// What API servers say, and should not.
var (
	errNoAuditID  = errors.New("it does not say under which audit id it logs a request (header " + auditID + ")")
	errNoMetrics  = errors.New("its /metrics lack " + eventsTotal + " or " + processStart)
	errTooMuch    = fmt.Errorf("its /metrics are larger than %d MiB", mostMetrics>>20)
	errNotMetrics = errors.New("its /metrics are none")
)

// clientFor asks as whoever the operator is. API servers are asked by their addresses, and known by the name that the operator has for them
// all: their certificates need not be for each address.
func clientFor(api *rest.Config) (*http.Client, error) {
	config := rest.CopyConfig(api)
	base, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, fmt.Errorf("read the API server's address: %w", err)
	}
	if config.ServerName == "" {
		config.ServerName = base.Hostname()
	}
	if config.UserAgent == "" {
		config.UserAgent = rest.DefaultKubernetesUserAgent()
	}
	config.Timeout = patience
	asking, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("build client: %w", err)
	}
	return asking, nil
}

// ask has an API server log something, and then reads what it counted.
func ask(ctx context.Context, asking *http.Client, t target) (sample usage.Sample, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if sample.Heartbeat, err = beat(ctx, asking, t.base); err != nil {
		return sample, err
	}
	sample.Started, sample.Errors, err = scrape(ctx, asking, t.base)
	return sample, err
}

func beat(ctx context.Context, asking *http.Client, base *url.URL) (id string, err error) {
	body, err := json.Marshal(&authenticationv1.SelfSubjectReview{
		TypeMeta: metav1.TypeMeta{APIVersion: authenticationv1.SchemeGroupVersion.String(), Kind: "SelfSubjectReview"},
	})
	if err != nil {
		return "", fmt.Errorf("write a SelfSubjectReview: %w", err)
	}
	err = exchange(ctx, asking, http.MethodPost, base, heartbeatPath, body, http.StatusCreated, func(r *http.Response) error {
		if id = r.Header.Get(auditID); id == "" {
			return errNoAuditID
		}
		_, err := io.Copy(io.Discard, io.LimitReader(r.Body, mostLine)) // So that the connection can be used again.
		return err
	})
	return id, err
}

func scrape(ctx context.Context, asking *http.Client, base *url.URL) (started time.Time, failed int64, err error) {
	err = exchange(ctx, asking, http.MethodGet, base, metricsPath, nil, http.StatusOK, func(r *http.Response) error {
		started, failed, err = read(r.Body)
		return err
	})
	return started, failed, err
}

func exchange(
	ctx context.Context, asking *http.Client, method string, base *url.URL, path string, body []byte, wanted int,
	use func(*http.Response) error,
) error {
	request, err := http.NewRequestWithContext(ctx, method, base.JoinPath(path).String(), bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("ask: %w", err)
	}
	if len(body) > 0 {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := asking.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }() // It was read, or does not matter.
	if response.StatusCode != wanted {
		return &refusal{path: path, status: response.StatusCode}
	}
	return use(response)
}

// read finds in metrics when the process began, and how many events it could not deliver. It keeps the few lines alone that say so.
func read(metrics io.Reader) (started time.Time, failed int64, err error) {
	limited := &io.LimitedReader{R: metrics, N: mostMetrics}
	lines := bufio.NewScanner(limited)
	lines.Buffer(nil, mostLine)
	var kept bytes.Buffer
	for lines.Scan() {
		if line := lines.Bytes(); wanted(line) {
			kept.Write(line)
			kept.WriteByte('\n')
		}
		if kept.Len() > mostKept {
			return started, 0, errNotMetrics
		}
	}
	if err := lines.Err(); err != nil {
		return started, 0, err
	}
	if limited.N == 0 { // What comes after might have counted errors.
		return started, 0, errTooMuch
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(&kept)
	if err != nil {
		return started, 0, fmt.Errorf("%w: %w", errNotMetrics, err)
	}
	if families[eventsTotal] == nil || families[processStart] == nil {
		return started, 0, errNoMetrics
	}
	seconds := sum(families[processStart])
	return time.UnixMicro(int64(seconds * float64(time.Second/time.Microsecond))), int64(math.Round(sum(families[errorsTotal]))), nil
}

// wanted says whether a line is a sample of what is looked for.
func wanted(line []byte) bool {
	name := line
	if end := bytes.IndexAny(line, "{ "); end >= 0 {
		name = line[:end]
	}
	switch string(name) {
	case errorsTotal, eventsTotal, processStart:
		return true
	default:
		return false
	}
}

// sum is of all series of a name. Without the lines that say so, none of them has a type.
func sum(family *dto.MetricFamily) (total float64) {
	for _, metric := range family.GetMetric() {
		total += metric.GetUntyped().GetValue()
	}
	return total
}

// askingTrouble says why an API server could not be asked, in words that stay the same while it is so: what errors of connections quote,
// ports and times, does not.
func askingTrouble(err error) string {
	if refused, ok := errors.AsType[*refusal](err); ok {
		return refused.trouble()
	}
	for _, known := range []error{errNoAuditID, errNoMetrics, errTooMuch, errNotMetrics} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	var timeout net.Error
	_, unknown := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case unknown:
		return "its certificate is not by the CA, or not for the name, by which the operator knows the API server"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "it refuses the connection"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "it does not answer in time; does a network policy keep the operator from it?"
	default:
		return "the connection to it fails"
	}
}

func (r *refusal) trouble() string {
	switch {
	case r.status == http.StatusUnauthorized:
		return "it does not know the operator's credential (401)"
	case r.status == http.StatusForbidden && r.path == metricsPath:
		return "it does not let the operator read /metrics (403): ClusterRole rollcall-audit in config/rbac has that right, get of the " +
			"nonResourceURL /metrics"
	case r.status == http.StatusForbidden:
		return "it does not let the operator create selfsubjectreviews of authentication.k8s.io (403), which ClusterRole system:basic-user " +
			"gives to everybody"
	default:
		return fmt.Sprintf("it answers %d to %s", r.status, r.path)
	}
}
