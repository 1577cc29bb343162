// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package auditload

import (
	"bytes"
	"fmt"
)

// AsSent is the body of a request with just the events of these lines of a log.
func AsSent(log []byte) ([]byte, error) {
	body := []byte(listBegin)
	for line := range bytes.Lines(log) {
		if len(body) > len(listBegin) {
			body = append(body, ',')
		}
		event, found := bytes.CutPrefix(bytes.TrimSuffix(line, []byte{'\n'}), []byte("{"+inLog))
		if !found {
			return nil, fmt.Errorf("no line of an audit log: %.200s", line)
		}
		body = append(append(body, '{'), event...)
	}
	return append(body, listEnd...), nil
}
