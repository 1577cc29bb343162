// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/rollcall-iam/rollcall/internal/doctor"
	"github.com/rollcall-iam/rollcall/internal/plain"
	"github.com/rollcall-iam/rollcall/internal/redact"
)

// patience is how long all of a bundle may take. What was not read by then is left out.
const patience = 2 * time.Minute

// supportFlags are those of the command support-bundle.
type supportFlags struct {
	doctorFlags

	to        string
	keepNames bool
}

func (t *tool) newSupportBundleCommand() *cobra.Command {
	var flags supportFlags
	command := &cobra.Command{
		Use:   "support-bundle",
		Short: "Put what a colleague or a maintainer needs to see into a file, without secrets and names",
		Long: `Put into a file what somebody needs who is to find out what is wrong: what the doctor says, all objects of iam.rollcall.dev,
and the operator's Deployment, Pods, logs, events, Lease, rights and policies. Nothing is sent anywhere.

No Secret is read, and no ConfigMap. People are called by pseudonyms, the same one for the same person in all of the bundle, by a key that
is made for it and thrown away: wherever their names, mail addresses and ids stand, in logs and messages too. Groups, Grants, namespaces
and hosts keep their names. What people wrote (reasons, comments) is kept but for the names that are known: look at it before you hand it
on. README.txt in the bundle says what is in it, and what is not.`,
		Example: `  kubectl rollcall support-bundle
  kubectl rollcall support-bundle --to inc-7.tar.gz

  # For somebody who may know who they are
  kubectl rollcall support-bundle --keep-names

  # Look at it before handing it on
  tar -xzf rollcall-support.tar.gz && less rollcall-support/README.txt`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(command *cobra.Command, _ []string) error { return t.supportBundle(command.Context(), &flags) },
	}
	flags.add(command.Flags())
	command.Flags().StringVar(&flags.to, "to", "rollcall-support.tar.gz", "file to write; it must not be there yet")
	command.Flags().BoolVar(&flags.keepNames, "keep-names", false, "leave people's names as they are; secrets are left out in any case")
	return command
}

// supported is what a support bundle came to.
type supported struct {
	File    string        `json:"file"`
	Size    int           `json:"size"`
	Files   []bundledFile `json:"files"`
	LeftOut []leftOut     `json:"leftOut"`
}

// bundledFile is a file in a bundle.
type bundledFile struct {
	Name string `json:"name"`
	Size int    `json:"size"`
}

// leftOut is what is not in a bundle, and why.
type leftOut struct {
	What string `json:"what"`
	Why  string `json:"why"`
}

// supplies are what goes into a bundle.
type supplies struct {
	// objects by the file that they go into.
	objects map[string][]unstructured.Unstructured
	// texts are logs.
	texts  map[string]string
	report *doctor.Report
	left   []leftOut
}

func (t *tool) supportBundle(ctx context.Context, flags *supportFlags) error {
	if _, err := os.Lstat(flags.to); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there already: name another file by --to", flags.to)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	report, err := t.examine(ctx, &flags.doctorFlags)
	if err != nil {
		return err
	}
	s, err := t.collect(ctx, report, flags.keepNames)
	if err != nil {
		return err
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // It does not fail.
	files, err := s.files(redact.New(key, flags.keepNames), flags.keepNames)
	if err != nil {
		return err
	}
	content, err := packed(files)
	if err != nil {
		return err
	}
	if err := createFile(flags.to, content); err != nil {
		return err
	}
	told := &supported{File: flags.to, Size: len(content), Files: contents(files), LeftOut: s.left}
	return t.print(told, func(w *tableWriter) { supportedRows(w, told) })
}

// createFile writes what must not be there yet: it neither overwrites anything nor follows a link.
func createFile(path string, content []byte) error {
	const private = 0o700
	if err := os.MkdirAll(filepath.Dir(path), private); err != nil {
		return err
	}
	//nolint:gosec // Whoever runs it says where.
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Close()); err != nil {
		_ = os.Remove(path) // It is ours, and not whole.
	}
	return err
}

// files are those of a bundle, redacted: nothing gets into it but through here.
func (s *supplies) files(r *redact.Redactor, keepNames bool) (map[string][]byte, error) {
	s.teach(r)
	files := map[string][]byte{}
	for _, name := range slices.Sorted(maps.Keys(s.objects)) {
		content, err := documents(r, s.objects[name])
		if err != nil {
			return nil, err
		}
		files[name] = content
	}
	for name, text := range s.texts {
		files[r.Text(name)] = []byte(plain.Lines(r.Text(unpainted(text))))
	}
	report, err := redacted(r, s.report)
	if err != nil {
		return nil, err
	}
	files["doctor.txt"] = []byte(doctorPage(report, 0, func(_ doctor.State, text string) string { return text }))
	if files["doctor.json"], err = json.MarshalIndent(report, "", "  "); err != nil {
		return nil, err
	}
	for i := range s.left {
		s.left[i] = leftOut{r.Text(s.left[i].What), r.Text(s.left[i].Why)}
	}
	files["README.txt"] = []byte(plain.Lines(s.readme(report, files, keepNames)))
	return files, nil
}

// unpainted is a log without colours: the end of what begins one would look like a part of the name behind it.
func unpainted(text string) string { return painting.ReplaceAllString(text, "") }

// painting is what terminals take for commands (ECMA-48, control sequences).
var painting = regexp.MustCompile("(?:\x1b\\[|\u009b)[0-?]*[\\x20-\\x2f]*[\\x40-\\x7e]")

// documents are redacted objects in YAML, by what they are called then: in the order of their names, these would be easy to guess.
func documents(r *redact.Redactor, objects []unstructured.Unstructured) ([]byte, error) {
	all := make([]unstructured.Unstructured, len(objects))
	for i := range objects {
		all[i].Object = r.Object(objects[i].Object)
	}
	slices.SortStableFunc(all, func(a, b unstructured.Unstructured) int { return cmp.Compare(a.GetName(), b.GetName()) })
	var text bytes.Buffer
	for i := range all {
		document, err := yaml.Marshal(all[i].Object)
		if err != nil {
			return nil, err
		}
		text.WriteString("---\n")
		text.Write(document)
	}
	return text.Bytes(), nil
}

// teach has the redactor know all people: Users first, by which others know them.
func (s *supplies) teach(r *redact.Redactor) {
	if !strings.HasPrefix(s.report.Caller, "system:") { // What is part of Kubernetes is nobody.
		r.Learn(map[string]any{"kind": "Approval", "spec": map[string]any{"approver": s.report.Caller}})
	}
	order := slices.SortedFunc(maps.Keys(s.objects), func(a, b string) int {
		first := func(name string) int {
			if name == usersFile {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(first(a), first(b)), cmp.Compare(a, b))
	})
	for _, name := range order {
		for i := range s.objects[name] {
			r.Learn(s.objects[name][i].Object)
		}
	}
}

// redacted is a report that may be handed on.
func redacted(r *redact.Redactor, report *doctor.Report) (*doctor.Report, error) {
	text, err := json.Marshal(report)
	if err != nil {
		return nil, err
	}
	object := map[string]any{}
	if err := json.Unmarshal(text, &object); err != nil {
		return nil, err
	}
	if text, err = json.Marshal(r.Object(object)); err != nil {
		return nil, err
	}
	told := &doctor.Report{}
	return told, json.Unmarshal(text, told)
}

//go:embed support-readme.txt
var supportReadme string

// readme says what is in a bundle, and what is not.
func (s *supplies) readme(report *doctor.Report, files map[string][]byte, keepNames bool) string {
	var text strings.Builder
	names := "People are called by pseudonyms (person-, device-, mail-, dn-, ip-), the same one for the same person in all of this\n" +
		"bundle. The key that makes them was made for it and thrown away: another bundle has others."
	if keepNames {
		names = "People keep their names in this bundle (--keep-names)."
	}
	fmt.Fprintf(&text, "A support bundle of Rollcall, made at %s by kubectl rollcall %s.\n", report.Time.Format(time.RFC3339), report.Plugin)
	fmt.Fprintf(&text, "Kubernetes %s; the operator is in namespace %s.\n\n%s\n\n%s", report.Server, report.Namespace, names, supportReadme)
	for _, file := range contents(files) {
		fmt.Fprintf(&text, "  %9d  %s\n", file.Size, file.Name)
	}
	text.WriteString("\nWhat was left out\n\n")
	for _, left := range s.left {
		fmt.Fprintf(&text, "  %s: %s\n", left.What, left.Why)
	}
	return text.String()
}

func contents(files map[string][]byte) []bundledFile {
	found := make([]bundledFile, 0, len(files))
	for _, name := range slices.Sorted(maps.Keys(files)) {
		found = append(found, bundledFile{name, len(files[name])})
	}
	return found
}

// packed is a bundle as a file. The same files are the same bytes.
func packed(files map[string][]byte) ([]byte, error) {
	var small bytes.Buffer
	zipped := gzip.NewWriter(&small)
	w := tar.NewWriter(zipped)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		header := &tar.Header{
			Typeflag: tar.TypeReg, Name: "rollcall-support/" + name, Size: int64(len(files[name])), Mode: 0o600, ModTime: time.Unix(0, 0),
			Format: tar.FormatPAX, // Names may be long.
		}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write(files[name]); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(w.Close(), zipped.Close()); err != nil {
		return nil, err
	}
	return small.Bytes(), nil
}

func supportedRows(w *tableWriter, told *supported) {
	w.Row("file", "size")
	for _, file := range told.Files {
		w.Row(file.Name, sized(file.Size))
	}
	for _, left := range told.LeftOut {
		w.Row(fmt.Sprintf("Left out: %s: %s", left.What, left.Why))
	}
	w.Row(fmt.Sprintf("All of it is in %s (%s). Look at it before you hand it on: README.txt in it says what may still be personal.",
		told.File, sized(told.Size)))
}

func sized(bytes int) string {
	const kilo = 1 << 10
	switch {
	case bytes < kilo:
		return fmt.Sprintf("%d B", bytes)
	case bytes < kilo*kilo:
		return fmt.Sprintf("%.1f KiB", float64(bytes)/kilo)
	default:
		return fmt.Sprintf("%.1f MiB", float64(bytes)/kilo/kilo)
	}
}
