// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/internal/usage"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

var _ = Describe("What more people did than may be asked about at once", func() {
	It("is asked for in parts, of which the least is known", func(ctx SpecContext) {
		var asked []int
		server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			names := r.URL.Query()["username"]
			asked = append(asked, len(names))
			found := wire.Uses{Coverage: usage.Coverage{Since: *at(-30 * day), Until: *at(0), Share: []float64{0.9, 0.5, 0.7}[len(asked)-1]}}
			for _, name := range names {
				found.Items = append(found.Items, usage.Use{Username: name})
			}
			_ = json.NewEncoder(w).Encode(found)
		}))
		DeferCleanup(server.Close)
		names := make([]string, 2*wire.MaxUsernames+1)
		for i := range names {
			names[i] = fmt.Sprintf("corp:user-%d", i)
		}
		all, err := (&auditor{url: server.URL, client: server.Client()}).uses(ctx, names, 30)
		Expect(err).NotTo(HaveOccurred())
		Expect(asked).To(Equal([]int{wire.MaxUsernames, wire.MaxUsernames, 1}))
		Expect(all.Items).To(HaveLen(len(names)))
		Expect(all.Coverage.Share).To(Equal(0.5))
	})
})
