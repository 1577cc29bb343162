// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rollcall-iam/rollcall/internal/doctor"
	"github.com/rollcall-iam/rollcall/internal/redact"
)

// supplied is a company of which everything names somebody.
func supplied() (s *supplies, names, secrets []string) {
	names = []string{"carol.weiß", "Boss", "x-ray9", "王小明"}
	secrets = []string{"hunter2", "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln", "MHcCAQEEIIbf"}
	s = &supplies{objects: map[string][]unstructured.Unstructured{}, texts: map[string]string{}, report: &doctor.Report{
		Plugin: "v1.2.3", Server: "v1.37.2", Namespace: "rollcall-system", Caller: "oidc:admin.at.work",
		Checks: []doctor.Check{{State: doctor.Warning, About: "users", Found: "all of them", Do: "x"}},
	}, left: []leftOut{{"operator/logs/x", "forbidden to corp:Boss"}}}
	var log strings.Builder
	for i, who := range names {
		mail := fmt.Sprintf("mail.of.%s@corp.example", who)
		s.objects[usersFile] = append(s.objects[usersFile], unstructured.Unstructured{Object: map[string]any{
			"kind": "User", "metadata": map[string]any{"name": fmt.Sprintf("object-of-%d", i), "annotations": map[string]any{
				"kubectl.kubernetes.io/last-applied-configuration": `{"spec":{"userName":"` + who + `"}}`,
			}},
			"spec": map[string]any{"userName": who}, "status": map[string]any{"identity": map[string]any{"email": mail}},
		}})
		s.objects["objects/sessions.yaml"] = append(s.objects["objects/sessions.yaml"], unstructured.Unstructured{Object: map[string]any{
			"kind": "Session", "metadata": map[string]any{"name": who + "-7wq2"}, "spec": map[string]any{"username": "corp:" + who},
			"status": map[string]any{"endedBy": "corp:gone" + who, "note": secrets[1]},
		}})
		fmt.Fprintf(&log, `{"msg":"user \"corp:%s\" of %s\nuid=%s,ou=people,dc=corp","password":"%s"}`+"\n", who, mail, who, secrets[0])
		s.report.Checks[0].Found += "; " + who + " (Failed)"
		names = append(names, mail, "gone"+who)
	}
	log.WriteString("-----BEGIN EC PRIVATE KEY-----\n" + secrets[2] + "\n-----END EC PRIVATE KEY-----\n")
	s.texts["operator/logs/rollcall-x-manager.log"] = log.String()
	return s, append(names, "admin.at.work"), secrets
}

var _ = Describe("A support bundle", func() {
	unpack := func(content []byte) map[string]string {
		GinkgoHelper()
		unzipped, err := gzip.NewReader(bytes.NewReader(content))
		Expect(err).NotTo(HaveOccurred())
		files, from := map[string]string{}, tar.NewReader(unzipped)
		for {
			header, err := from.Next()
			if errors.Is(err, io.EOF) {
				return files
			}
			Expect(err).NotTo(HaveOccurred())
			text, err := io.ReadAll(from)
			Expect(err).NotTo(HaveOccurred())
			files[header.Name] = string(text)
		}
	}

	It("names nobody, and has no secret in it", func() {
		s, names, secrets := supplied()
		files, err := s.files(redact.New([]byte("key"), false), false)
		Expect(err).NotTo(HaveOccurred())
		Expect(files).To(SatisfyAll(HaveKey("README.txt"), HaveKey("doctor.txt"), HaveKey("doctor.json"), HaveKey(usersFile), HaveLen(6)))
		for file, content := range files {
			for _, name := range names {
				Expect(regexp.MustCompile(`(?i)(?:^|[^\pL\pM\pN])`+regexp.QuoteMeta(name)+`(?:$|[^\pL\pM\pN])`).Match(content)).To(BeFalse(),
					"%s names %s: %s", file, name, content)
			}
			for _, secret := range secrets {
				Expect(string(content)).NotTo(ContainSubstring(secret), file)
			}
		}
		r := redact.New([]byte("key"), false)
		who := r.Pseudonym("person", "object-of-1")
		Expect(string(files["operator/logs/rollcall-x-manager.log"])).To(ContainSubstring(`user \"corp:` + who + `\" of ` + who + "-mail"))
		Expect(string(files["doctor.txt"])).To(ContainSubstring("; " + who + " (Failed)"))
		Expect(string(files["objects/sessions.yaml"])).To(ContainSubstring("username: corp:" + who))
		order := regexp.MustCompile(`name: person-\w+`).FindAllString(string(files[usersFile]), -1)
		Expect(order).To(HaveLen(4))
		Expect(slices.IsSorted(order)).To(BeTrue(), "their order does not tell who they are")
		Expect(string(files["README.txt"])).To(SatisfyAll(
			ContainSubstring("operator/logs/x: forbidden to corp:"+who), ContainSubstring("objects/sessions.yaml"),
			ContainSubstring("by pseudonyms")))
	})

	It("has the names where they are wanted, and no secret even then", func() {
		s, names, secrets := supplied()
		files, err := s.files(redact.New([]byte("key"), true), true)
		Expect(err).NotTo(HaveOccurred())
		all := fmt.Sprintf("%s", files)
		for _, name := range names {
			Expect(all).To(ContainSubstring(name))
		}
		for _, secret := range secrets {
			Expect(all).NotTo(ContainSubstring(secret))
		}
		Expect(string(files["README.txt"])).To(ContainSubstring("--keep-names"))
	})

	It("is the same bytes for the same files, in a folder of its own", func() {
		files := map[string][]byte{"b/x.yaml": []byte("x"), "README.txt": []byte("y")}
		one, err := packed(files)
		Expect(err).NotTo(HaveOccurred())
		two, err := packed(files)
		Expect(err).NotTo(HaveOccurred())
		Expect(one).To(Equal(two))
		Expect(unpack(one)).To(Equal(map[string]string{"rollcall-support/b/x.yaml": "x", "rollcall-support/README.txt": "y"}))
	})
})

var _ = DescribeTable("A size", func(bytes int, text string) { Expect(sized(bytes)).To(Equal(text)) },
	Entry("small", 1023, "1023 B"), Entry("medium", 1536, "1.5 KiB"), Entry("large", 3<<20, "3.0 MiB"),
)
