// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing/iotest"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/config"
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

// listless is a cluster of which nothing can be listed.
type listless struct {
	client.Client

	why error
}

func (u *listless) List(context.Context, client.ObjectList, ...client.ListOption) error { return u.why }

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

	It("has no commands for terminals in it, which would hide names as well", func() {
		s, names, _ := supplied()
		s.texts["operator/logs/x.log"] = "\x1b[31m" + names[1] + "\x1b[0m \u009b1m" + names[2] + " \x1b]0;title\x07\nnext"
		s.report.Server = "v1\x1b[2J"
		files, err := s.files(redact.New([]byte("key"), false), false)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(files["operator/logs/x.log"])).To(MatchRegexp(`^person-\w+ person-\w+ \\x1b\]0;title\\x07\nnext$`))
		Expect(string(files["README.txt"])).To(ContainSubstring(`Kubernetes v1\x1b[2J;`))
		for _, file := range []string{"README.txt", "doctor.txt", "operator/logs/x.log"} {
			Expect(string(files[file])).NotTo(ContainSubstring("\x1b"), file)
		}
	})

	It("does not take what is part of Kubernetes for a person", func() {
		s, _, _ := supplied()
		s.report.Caller = "system:admin"
		s.texts["operator/logs/x.log"] = "the admin's system"
		files, err := s.files(redact.New([]byte("key"), false), false)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(files["operator/logs/x.log"])).To(Equal("the admin's system"))
	})

	It("is not made where Users are not served: nobody would be known in logs", func(ctx SpecContext) {
		for _, why := range []error{
			&meta.NoKindMatchError{GroupKind: schema.GroupKind{Group: "iam.rollcall.dev", Kind: "User"}},
			apierrors.NewForbidden(schema.GroupResource{Resource: "users"}, "", errors.New("no")),
		} {
			k := &collector{Client: &listless{why: why}, supplies: supplies{objects: map[string][]unstructured.Unstructured{}}}
			objects, err := config.Read()
			Expect(err).NotTo(HaveOccurred())
			Expect(k.people(ctx, objects.Kinds)).To(MatchError(ContainSubstring("--keep-names")))
		}
	})

	It("has a file for each log, whatever containers are called", func() {
		files := map[string][]byte{}
		for i, name := range []string{"manager", "../../../etc/passwd", "a/b", "", "UPPER", strings.Repeat("x", 64)} {
			file := logFile("rollcall-1", name, 0, i)
			Expect(file).To(MatchRegexp(`^operator/logs/(rollcall-1-manager|pod-1-container-\d)$`))
			files[file] = nil
		}
		Expect(files).To(HaveLen(6))
		Expect(logFile("..", "manager", 6, 0)).To(Equal("operator/logs/pod-7-container-1"))
		Expect(logFile(strings.Repeat("p", 120), strings.Repeat("c", 60), 1, 1)).To(Equal("operator/logs/pod-2-container-2"))
		long := "operator/logs/" + strings.Repeat("p", 240) + ".log"
		content, err := packed(map[string][]byte{long: []byte("x")})
		Expect(err).NotTo(HaveOccurred())
		Expect(unpack(content)).To(Equal(map[string]string{"rollcall-support/" + long: "x"}))
	})

	It("has the newest lines of a log that is long, and knows what came before", func() {
		var log strings.Builder
		for i := range 50_000 {
			fmt.Fprintf(&log, "line %d\n", i)
		}
		text, before, err := tail(strings.NewReader(log.String()), 1000)
		Expect(err).NotTo(HaveOccurred())
		Expect(before + len(text)).To(Equal(log.Len()))
		Expect(log.String()).To(HaveSuffix("\n" + string(text)))
		Expect(len(text)).To(And(BeNumerically(">", 980), BeNumerically("<=", 1000)))
		text, before, err = tail(io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(errors.New("gone"))), 1000)
		Expect(err).To(MatchError("gone"))
		Expect(string(text)).To(Equal("a\nb"), "what came before it broke off is kept")
		Expect(before).To(BeZero())
	})

	It("is not written over anything, nor through a link", func() {
		dir := GinkgoT().TempDir()
		there, link, fresh := filepath.Join(dir, "there"), filepath.Join(dir, "link"), filepath.Join(dir, "new", "bundle")
		Expect(os.WriteFile(there, []byte("mine"), 0o600)).To(Succeed())
		Expect(os.Symlink(filepath.Join(dir, "elsewhere"), link)).To(Succeed())
		Expect(createFile(there, []byte("x"))).To(MatchError(fs.ErrExist))
		Expect(createFile(link, []byte("x"))).To(MatchError(fs.ErrExist))
		Expect(os.ReadFile(there)).To(BeEquivalentTo("mine"))
		Expect(filepath.Join(dir, "elsewhere")).NotTo(BeAnExistingFile())
		Expect(createFile(fresh, []byte("x"))).To(Succeed())
		Expect(os.ReadFile(fresh)).To(BeEquivalentTo("x"))
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
