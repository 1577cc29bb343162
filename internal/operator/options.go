// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package operator builds the manager: options, cache, health and metrics.
package operator

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/rollcall-iam/rollcall/internal/audit/store"
	"github.com/rollcall-iam/rollcall/internal/pki"
)

// ServiceAccount is the name of the one that config/rbac gives the operator's rights to.
const ServiceAccount = "rollcall-controller-manager"

// Values of --signer.
const (
	SignerCSR = "csr"
	SignerCA  = "ca"
)

// Options are the manager's flags.
type Options struct {
	// Kubeconfig is a path; empty means in-cluster.
	Kubeconfig string
	// Namespace is the operator's own.
	Namespace string
	// ClusterServer and ClusterCAFile go into kubeconfigs; empty means what the manager itself uses.
	ClusterServer, ClusterCAFile string
	// SessionRetention is how long a Session stays once it has ended and its last certificate has expired.
	SessionRetention time.Duration
	// DormantAfter is how long somebody who may act is not seen before the User is called dormant; 0 for never.
	DormantAfter time.Duration
	// Signer is csr or ca: who signs client certificates. CADuration is how long an authority of the operator's own is valid.
	Signer     string
	CADuration time.Duration
	// LoginBindAddress and AuthorizationBindAddress are host:port of the login service and of the authorization webhook; "0" turns them
	// off.
	LoginBindAddress, AuthorizationBindAddress string
	// AuditBindAddress is host:port of the audit service, to which API servers send events, and which auditors ask; "0" turns it off.
	AuditBindAddress string
	// LoginURL, AuthorizationURL and AuditURL are where people and API servers reach them; empty means https:// and the first of
	// ServingNames.
	LoginURL, AuthorizationURL, AuditURL string
	// AuditStore is where events are kept: sqlite:PATH, or a URL of PostgreSQL. AuditRetention is for how long, and AuditSize how much,
	// about.
	AuditStore     string
	AuditRetention time.Duration
	AuditSize      resource.QuantityValue
	// UnusedAfter is how long a Grant may be without use until it is called unused.
	UnusedAfter time.Duration
	// LedgerDir is where the ledger is kept; empty for none. LedgerCheckpoints is a file that gets its checkpoints.
	LedgerDir, LedgerCheckpoints string
	// OCSF is a file that gets the same as events for a SIEM, or - for stdout; empty for none.
	OCSF string
	// ServingSecret holds the certificate of all three; empty means one by an authority of the operator's own, for ServingNames.
	ServingSecret string
	// ServingNames are DNS names and IP addresses, with commas between.
	ServingNames string
	// LeaderElect lets one of several replicas work at a time.
	LeaderElect bool
	// MetricsBindAddress, HealthProbeBindAddress and PprofBindAddress are host:port; "0" turns them off.
	MetricsBindAddress, HealthProbeBindAddress, PprofBindAddress string
	// Zap configures the log.
	Zap zap.Options
	// Version of the operator, which is no flag: main knows it.
	Version string
}

const usage = `Usage: manager [flags]

Mirrors people and groups from directories, turns Grants into RBAC bindings, lets people log in, and keeps kubeconfig Secrets fresh.

Examples:
  # In a Pod, with the rights of config/rbac:
  manager --leader-elect

  # On your machine, against the cluster of a kubeconfig:
  manager --kubeconfig ~/.kube/config --health-probe-bind-address 127.0.0.1:8081

  # Let people log in, too:
  manager --leader-elect --login-bind-address :8443 --login-url https://login.example.com --serving-names login.example.com

  # Take the events of the API servers' audit logs:
  manager --audit-bind-address :9445 --audit-url https://audit.example.com:9445 --audit-store sqlite:/var/lib/rollcall/audit.db

Flags:
`

// Parse reads flags. flag.ErrHelp means that help was asked for and given.
func Parse(args []string) (*Options, error) {
	o := &Options{}
	flags := o.flags()
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q; see manager --help", flags.Arg(0))
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	return o, nil
}

// Flags are all that there are: docs/manager-flags.md is made of them.
func Flags() *flag.FlagSet { return new(Options).flags() }

func (o *Options) flags() *flag.FlagSet {
	flags := flag.NewFlagSet("manager", flag.ContinueOnError)
	flags.Usage = func() {
		_, _ = fmt.Fprint(flags.Output(), usage)
		flags.PrintDefaults()
	}
	flags.StringVar(&o.Kubeconfig, "kubeconfig", "", "path of a kubeconfig; in-cluster configuration if empty")
	flags.StringVar(&o.Namespace, "namespace", "rollcall-system", "the operator's own namespace: Secrets of Directories, and Leases")
	flags.StringVar(&o.ClusterServer, "cluster-server", "", "URL of the API server to put into kubeconfigs; the manager's own if empty")
	flags.StringVar(&o.ClusterCAFile, "cluster-ca-file", "",
		"file with the PEM certificates of the API server's CA to put into kubeconfigs; the manager's own if empty")
	flags.DurationVar(&o.SessionRetention, "session-retention", 30*24*time.Hour,
		"how long the record of a Session stays once it has ended and its last certificate has expired")
	flags.StringVar(&o.Signer, "signer", SignerCSR, "who signs client certificates: csr for the cluster's own signer, through the "+
		"certificates API; ca for an authority of the operator's own (Secret rollcall-client-ca), which API servers must know (ConfigMap "+
		"rollcall-client-ca)")
	flags.DurationVar(&o.CADuration, "ca-duration", 365*24*time.Hour,
		"how long an authority of the operator's own is valid; with two thirds of it gone the next one is made")
	flags.StringVar(&o.LoginBindAddress, "login-bind-address", "0", "host:port of the login service; 0 for none")
	flags.StringVar(&o.LoginURL, "login-url", "", "URL at which people reach the login service; https:// and the first of --serving-names "+
		"with the port of --login-bind-address if empty")
	flags.StringVar(&o.AuthorizationBindAddress, "authorization-bind-address", "0",
		"host:port of the authorization webhook, which API servers ask about each credential; 0 for none")
	flags.StringVar(&o.AuthorizationURL, "authorization-url", "", "URL at which API servers reach the authorization webhook; https:// and "+
		"the first of --serving-names with the port of --authorization-bind-address if empty")
	o.bindAudit(flags)
	flags.StringVar(&o.ServingSecret, "serving-secret", "",
		"Secret of type kubernetes.io/tls in the operator's namespace with the certificate of what is served to people and API servers; "+
			"one by an authority of the operator's own if empty (its certificate: ConfigMap rollcall-serving-ca)")
	flags.StringVar(&o.ServingNames, "serving-names", "",
		"DNS names and IP addresses of the certificate that is served without --serving-secret, with commas between; "+
			"rollcall.NAMESPACE.svc if empty")
	flags.BoolVar(&o.LeaderElect, "leader-elect", false, "of several replicas, let one work at a time")
	flags.StringVar(&o.MetricsBindAddress, "metrics-bind-address", "0", "host:port to serve metrics on; 0 for none")
	flags.StringVar(&o.PprofBindAddress, "pprof-bind-address", "0", "host:port to serve profiles on (net/http/pprof), which show to "+
		"anybody who reaches it what the operator is doing and has in memory: 127.0.0.1:6060, and kubectl port-forward; 0 for none")
	flags.StringVar(&o.HealthProbeBindAddress, "health-probe-bind-address", ":8081", "host:port to serve /healthz and /readyz on; 0 for none")
	o.Zap.BindFlags(flags)
	return flags
}

func (o *Options) bindAudit(flags *flag.FlagSet) {
	flags.StringVar(&o.AuditBindAddress, "audit-bind-address", "0", "host:port of the audit service, to which API servers send the events "+
		"of their audit logs, and which answers auditors; 0 for none")
	flags.StringVar(&o.AuditURL, "audit-url", "", "URL at which API servers and auditors reach the audit service; https:// and the first of "+
		"--serving-names with the port of --audit-bind-address if empty")
	flags.StringVar(&o.AuditStore, "audit-store", "sqlite:/var/lib/rollcall/audit.db", "where events are kept: sqlite:PATH, for one "+
		"replica; or postgres://USER@HOST/DATABASE?sslmode=verify-full&sslrootcert=FILE, for any number, with the password in the environment "+
		"variable PGPASSWORD")
	flags.DurationVar(&o.AuditRetention, "audit-retention", 90*24*time.Hour, "how long events are kept")
	flags.DurationVar(&o.UnusedAfter, "unused-after", 30*24*time.Hour, "how long a Grant may be without use until its status.usage is "+
		"Unused; --audit-retention, where that is less")
	o.AuditSize = resource.QuantityValue{Quantity: resource.MustParse("8Gi")}
	flags.Var(&o.AuditSize, "audit-size", "about how much events may take; the oldest go first. 0 for any amount")
	flags.DurationVar(&o.DormantAfter, "dormant-after", 90*24*time.Hour, "how long somebody who may act is not seen, as audit logs tell, "+
		"before their User is called Dormant; 0 to call nobody so. Works with --audit-bind-address")
	flags.StringVar(&o.LedgerDir, "ledger-dir", "", "folder of the ledger, to which the leader writes what happens to identities and "+
		"access, each certificate before it is handed out; none if empty. Needs --audit-bind-address")
	flags.StringVar(&o.LedgerCheckpoints, "ledger-checkpoints", "", "file that gets the ledger's signed checkpoints, one after the other, "+
		"better elsewhere than the ledger; none if empty. ConfigMap rollcall-ledger has the newest in any case")
	flags.StringVar(&o.OCSF, "ocsf", "", "file that gets what happens to identities and access as events for a SIEM, one JSON object a line "+
		"(OCSF 1.4.0, Identity & Access Management), or - for stdout; none if empty. Needs --audit-bind-address, and no ledger")
}

// shortestCA leaves time for each step of a rotation: a third of it is for bringing the next authority to every API server.
const shortestCA = 48 * time.Hour

// shortestRetention is longer than a login may take: until then the Session's name says that what it began with was used.
const shortestRetention = time.Hour

// shortestDormancy is as exact as lastSeenTime is.
const shortestDormancy = time.Minute

func (o *Options) check() error {
	if o.Signer != SignerCSR && o.Signer != SignerCA {
		return fmt.Errorf("--signer is %q: it must be %s or %s", o.Signer, SignerCSR, SignerCA)
	}
	if o.SessionRetention < shortestRetention {
		return fmt.Errorf("--session-retention is %s: it must be %s at least", o.SessionRetention, shortestRetention)
	}
	if o.DormantAfter != 0 && o.DormantAfter < shortestDormancy {
		return fmt.Errorf("--dormant-after is %s: it must be %s at least, or 0", o.DormantAfter, shortestDormancy)
	}
	if o.CADuration < shortestCA {
		return fmt.Errorf("--ca-duration is %s: it must be %s at least", o.CADuration, shortestCA)
	}
	return o.checkAudit()
}

// leastAudit is the least that is worth keeping.
const leastAudit = 16 << 20

func (o *Options) checkAudit() error {
	if _, err := store.Where(o.AuditStore); err != nil {
		return fmt.Errorf("--audit-store %w", err)
	}
	off := o.AuditBindAddress == "" || o.AuditBindAddress == "0"
	if o.LedgerDir != "" && off {
		return errors.New("--ledger-dir is set and --audit-bind-address is not: the ledger is written from what the audit service records")
	}
	if o.OCSF != "" && off {
		return errors.New("--ocsf is set and --audit-bind-address is not: events are made of what the audit service records")
	}
	if o.LedgerDir == "" && o.LedgerCheckpoints != "" {
		return errors.New("--ledger-checkpoints is set and --ledger-dir is not: there is no ledger that has any")
	}
	return o.checkKept()
}

// checkKept says whether what is kept is kept for long enough.
func (o *Options) checkKept() error {
	if o.AuditRetention < time.Hour {
		return fmt.Errorf("--audit-retention is %s: it must be 1h at least", o.AuditRetention)
	}
	if o.UnusedAfter < time.Hour {
		return fmt.Errorf("--unused-after is %s: it must be 1h at least", o.UnusedAfter)
	}
	if size := o.AuditSize.Value(); size != 0 && size < leastAudit {
		return fmt.Errorf("--audit-size is %s: it must be 16Mi at least, or 0", o.AuditSize.String())
	}
	return nil
}

// servingNames are the names of the certificate that the operator serves with.
func (o *Options) servingNames() []string {
	if o.ServingNames == "" {
		return []string{"rollcall." + o.Namespace + ".svc"}
	}
	return strings.Split(o.ServingNames, ",")
}

// reached is the URL of a service that listens at an address, if there is one.
func (o *Options) reached(url, address string) (string, error) {
	if url != "" {
		return strings.TrimSuffix(url, "/"), nil
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("%q is no host:port to listen at: %w", address, err)
	}
	return "https://" + net.JoinHostPort(o.servingNames()[0], port), nil
}

// restConfig is how the manager reaches the API server. It sets no limit of its own: API priority and fairness does that better.
func (o *Options) restConfig() (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", o.Kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("load the configuration of the API server: %w", err)
	}
	config.QPS = -1
	config.UserAgent = "rollcall"
	return config, nil
}

// cluster is how people reach the API server.
func (o *Options) cluster(config *rest.Config) (pki.Cluster, error) {
	cluster := pki.Cluster{Server: config.Host, CA: config.CAData}
	if o.ClusterServer != "" {
		cluster.Server = o.ClusterServer
	}
	path := config.CAFile
	if o.ClusterCAFile != "" {
		path = o.ClusterCAFile
	}
	if path != "" && (o.ClusterCAFile != "" || len(cluster.CA) == 0) {
		ca, err := os.ReadFile(path) //nolint:gosec // The path is the installation's own setting.
		if err != nil {
			return pki.Cluster{}, fmt.Errorf("read the API server's CA: %w", err)
		}
		cluster.CA = ca
	}
	if len(cluster.CA) == 0 {
		return pki.Cluster{}, fmt.Errorf("the API server's CA is not known, so kubeconfigs could not verify it: set --cluster-ca-file")
	}
	return cluster, nil
}
