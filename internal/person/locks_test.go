// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package person_test

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/person"
)

// lock is one that ends at a time; never, where that is zero.
func lock(name string, ends time.Time) v1alpha1.Lock {
	l := v1alpha1.Lock{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if !ends.IsZero() {
		l.Spec.ExpireTime = &metav1.Time{Time: ends}
	}
	return l
}

// kept is somebody whom Locks keep out.
func kept(f person.Facts, locks ...v1alpha1.Lock) person.Facts {
	f.Locks = locks
	return f
}

var _ = Describe("Locks", func() {
	never := time.Time{}

	DescribeTable("come before everything else", func(f person.Facts) {
		Expect(person.Decide(f, now).Reason).NotTo(Equal(v1alpha1.ReasonLocked))
		Expect(person.Decide(kept(f, lock("incident-7", never)), now)).To(Equal(person.Verdict{
			Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonLocked, Message: `kept out by Lock "incident-7"`,
		}))
	},
		Entry("one who may act", known()),
		Entry("a local one", orphan(known(local))),
		Entry("one with a namesake", namesake(known())),
		Entry("one who is suspended", known(suspended)),
		Entry("one who has expired", known(expires(now.Add(-time.Hour)))),
		Entry("one who expires", known(expires(now.Add(time.Hour)))),
		Entry("one whom the directory has disabled", known(state(v1alpha1.IdentityDisabled))),
		Entry("one whom the directory does not have", known(state(v1alpha1.IdentityMissing))),
		Entry("one whom another has replaced", known(state(v1alpha1.IdentityReplaced))),
		Entry("one who was not read yet", known(unread)),
		Entry("one of an unknown Directory", orphan(known())),
	)

	DescribeTable("are named, ten of them", func(count int, message string) {
		locks := make([]v1alpha1.Lock, count)
		for i := range locks {
			locks[i] = lock(fmt.Sprintf("l%d", i), never)
		}
		Expect(person.Decide(kept(known(), locks...), now).Message).To(Equal(message))
	},
		Entry("one", 1, `kept out by Lock "l0"`),
		Entry("two", 2, `kept out by Lock "l0", Lock "l1"`),
		Entry("ten", 10, `kept out by Lock "l0", Lock "l1", Lock "l2", Lock "l3", Lock "l4", Lock "l5", Lock "l6", Lock "l7", `+
			`Lock "l8", Lock "l9"`),
		Entry("twelve", 12, `kept out by Lock "l0", Lock "l1", Lock "l2", Lock "l3", Lock "l4", Lock "l5", Lock "l6", Lock "l7", `+
			`Lock "l8", Lock "l9" and 2 more`),
	)

	DescribeTable("are looked at again when the first of them ends", func(recheck time.Time, locks ...v1alpha1.Lock) {
		Expect(person.Decide(kept(known(), locks...), now).Recheck).To(Equal(recheck))
	},
		Entry("never, where it does not end", never, lock("a", never)),
		Entry("never, where none ends", never, lock("a", never), lock("b", never)),
		Entry("the only one", now.Add(time.Hour), lock("a", now.Add(time.Hour))),
		Entry("the first of two", now.Add(time.Hour), lock("a", now.Add(time.Hour)), lock("b", now.Add(2*time.Hour))),
		Entry("the second of two", now.Add(time.Hour), lock("a", now.Add(2*time.Hour)), lock("b", now.Add(time.Hour))),
		Entry("one among those that do not end", now.Add(time.Hour), lock("a", never), lock("b", now.Add(time.Hour)), lock("c", never)),
	)

	It("are looked at again for their own sake, whenever the person's time or a namesake's right ends", func() {
		f := namesake(kept(known(expires(now.Add(time.Minute))), lock("a", now.Add(time.Hour))))
		f.NamesakeUntil = now.Add(time.Second)
		Expect(person.Decide(f, now).Recheck).To(Equal(now.Add(time.Hour)))
	})

	It("leave no trace when they are gone", func() {
		Expect(person.Decide(kept(known()), now)).To(Equal(person.Decide(known(), now)))
		Expect(person.Decide(kept(known(), []v1alpha1.Lock{}...), now).Status).To(Equal(metav1.ConditionTrue))
	})
})
