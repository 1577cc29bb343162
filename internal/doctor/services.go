// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"time"
)

// ends is how long before its end a certificate is told of: the operator renews its own ten days before, and reads Secrets every minute.
const ends = 5 * 24 * time.Hour

// services says whether what people reach can be reached from here, and for how long its certificates are good.
func services(f *Facts) []Check {
	var checks []Check
	i := f.Installation.Value
	if i == nil {
		return nil
	}
	switch {
	case i.Status.LoginURL == "":
		checks = append(checks, f.past(Check{
			State: Note, About: "login", Found: "there is no login service: people get in by kubeconfig Secrets, or otherwise",
			See: "docs/authentication.md",
		}))
	case f.Login != nil:
		checks = append(checks, endpoint(f, "login", f.Login))
	}
	if f.Audit != nil {
		checks = append(checks, endpoint(f, "audit service", f.Audit))
	}
	return checks
}

func endpoint(f *Facts, about string, e *Endpoint) Check {
	c := Check{State: OK, About: about, Found: e.URL}
	if e.Err != "" {
		c.State, c.Found = Warning, fmt.Sprintf("%s cannot be reached from here: %s", e.URL, e.Err)
		c.Do = "See whether that address leads to the operator: its Service, a load balancer, name resolution, or a firewall between."
		c.Run = []string{"kubectl get services,endpointslices -n " + quoted(f.Namespace)}
		return c
	}
	left := e.NotAfter.Sub(f.Server.Date)
	c.Found += fmt.Sprintf(" answers; its certificate is good for %s", spoken(left))
	switch {
	case left <= 0:
		c.State, c.Found = Failed, fmt.Sprintf("%s: its certificate ended %s ago", e.URL, spoken(-left))
		c.Do = "Renew what is in the Secret of --serving-secret; without one the operator renews it itself, and its log says why it did not."
	case left < ends:
		c.State = Warning
		c.Do = "Renew what is in the Secret of --serving-secret; without one the operator renews it itself, ten days before."
	case e.Untrusted != "":
		c.State, c.Found = Warning, fmt.Sprintf("%s: its certificate is not trusted here: %s", e.URL, e.Untrusted)
		c.Do = "Have it name that host (--serving-names, or the Secret of --serving-secret), by an authority that people's machines know."
	case e.Own:
		c.Found += ", by the operator's own authority (ConfigMap rollcall-serving-ca), which people name by --login-ca-file"
		if about != "login" {
			c.Found = fmt.Sprintf("%s answers; its certificate is good for %s, by the authority that the Installation names", e.URL, spoken(left))
		}
	}
	return c
}
