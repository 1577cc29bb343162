// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package chromium

import "github.com/rollcall-iam/rollcall/test/internal/installed"

const (
	chromiumPath = "/usr/bin/chromium"
	certutilPath = "/usr/bin/certutil"
)

// Available says whether Chromium can run here, and what to do if not.
func Available() error {
	return installed.Check("Chromium", "chromium, fonts-dejavu-core and libnss3-tools", chromiumPath, certutilPath)
}
