// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package questions_test

import (
	"encoding/json"
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/internal/usage"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

var _ = Describe("Coverage", func() {
	const day = 24 * time.Hour
	var d *desk
	BeforeEach(func(ctx SpecContext) {
		d = newDesk(ctx)
		Expect(d.store.BeginRecording(ctx, noon.Add(-20*day))).To(Succeed())
		Expect(d.store.Watch(ctx,
			[]usage.Watch{{Address: "10.0.0.1:6443", Listed: noon.Add(-40 * day), Since: noon.Add(-40 * day), Until: noon}},
			[]usage.Gap{{
				Server: "10.0.0.1:6443", Reason: usage.GapEventsLost, Lost: 7,
				Since: metav1.NewTime(noon.Add(-6 * time.Hour)), Until: metav1.NewTime(noon.Add(-4 * time.Hour)),
			}},
		)).To(Succeed())
	})

	DescribeTable("is of the last days", func(ctx SpecContext, days string, since time.Duration, share float64, reasons ...string) {
		var parameters []string
		if days != "" {
			parameters = []string{"days", days}
		}
		response := d.gets(ctx, wire.PathCoverage, parameters...)
		Expect(response.Code).To(Equal(http.StatusOK), response.Body.String())
		var covered usage.Coverage
		Expect(json.Unmarshal(response.Body.Bytes(), &covered)).To(Succeed())
		Expect(covered.Since.Time).To(BeTemporally("==", noon.Add(-since)))
		Expect(covered.Until.Time).To(BeTemporally("==", noon))
		Expect(covered.Share).To(BeNumerically("~", share, 1e-9))
		told := make([]string, len(covered.Gaps))
		for i := range covered.Gaps {
			told[i] = covered.Gaps[i].Reason
		}
		Expect(told).To(HaveExactElements(reasons))
	},
		Entry("one", "1", day, 22.0/24, usage.GapEventsLost),
		Entry("thirty, where nothing else is said", "", 30*day, (20*24.0-2)/(30*24), usage.GapNotWatched, usage.GapEventsLost),
		Entry("many", "3650", 3650*day, (20*24.0-2)/(3650*24), usage.GapNotWatched, usage.GapEventsLost),
	)

	DescribeTable("is of some days", func(ctx SpecContext, days string) {
		response := d.gets(ctx, wire.PathCoverage, "days", days)
		Expect(response.Code).To(Equal(http.StatusBadRequest))
		Expect(response.Body.String()).To(Equal("days must be 1 to 3650\n"))
	},
		Entry("not of none", "0"), Entry("not of less", "-1"), Entry("not of more", "3651"), Entry("not of a word", "all"),
		Entry("not of a part of one", "1.5"),
	)
})
