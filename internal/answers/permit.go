// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package answers

import rbacv1 "k8s.io/api/rbac/v1"

// Permit says whether rules allow an action, wherever they hold.
func Permit(rules []rbacv1.PolicyRule, action Action) bool {
	for i := range rules {
		if allows(&rules[i], action) {
			return true
		}
	}
	return false
}
