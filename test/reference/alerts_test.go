// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package reference_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/yaml"
)

// alert is one of config/prometheus/rules.yaml.
type alert struct { // as Prometheus has it
	Alert       string            `json:"alert"`
	Expr        string            `json:"expr"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

func alerts() (all []alert) {
	GinkgoHelper()
	var rules struct {
		Spec struct {
			Groups []struct {
				Rules []alert `json:"rules"`
			} `json:"groups"`
		} `json:"spec"`
	}
	Expect(yaml.Unmarshal([]byte(read("config", "prometheus", "rules.yaml")), &rules)).To(Succeed())
	for _, group := range rules.Spec.Groups {
		all = append(all, group.Rules...)
	}
	Expect(len(all)).To(BeNumerically(">", 15))
	return all
}

func alertNames() []string {
	GinkgoHelper()
	all := alerts()
	names := make([]string, 0, len(all))
	for _, a := range all {
		names = append(names, a.Alert)
	}
	return names
}
