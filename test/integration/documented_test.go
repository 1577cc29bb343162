// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/yaml"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/installation"
	"github.com/rollcall-iam/rollcall/test/internal/checkout"
	"github.com/rollcall-iam/rollcall/test/walk/page"
)

// documented shows the API server every object of our kinds that a page of the documentation has: as it stands there, or, of a part of one
// (<!-- walk: fragment: KIND -->), with what an object of that kind cannot be without.
func documented(w *world) {
	blocks, err := documentedBlocks()
	It("finds manifests on the pages", func() {
		Expect(err).NotTo(HaveOccurred())
		Expect(len(blocks)).To(BeNumerically(">", 10))
	})
	for _, b := range blocks {
		It(fmt.Sprintf("takes what %s:%d shows", b.page, b.Line), func(ctx SpecContext) {
			for _, object := range objectsOf(b.Block) {
				text, err := yaml.Marshal(object)
				Expect(err).NotTo(HaveOccurred())
				args := append([]string{"apply", "--dry-run=server", "--validate=strict", "-f", "-"}, inTheNameOf(object)...)
				_, err = installation.KubectlInput(ctx, w.plane, w.plane.AdminKubeconfig(), string(text), args...)
				Expect(err).NotTo(HaveOccurred())
			}
		})
	}
}

// documentedBlock is a block of YAML, and its page.
type documentedBlock struct {
	page.Block
	page string
}

func documentedBlocks() (blocks []documentedBlock, err error) {
	root, err := checkout.Root()
	if err != nil {
		return nil, err
	}
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return nil, err
		}
		for _, path := range found {
			more, err := blocksOf(root, path)
			if err != nil {
				return nil, err
			}
			blocks = append(blocks, more...)
		}
	}
	return blocks, nil
}

func blocksOf(root, path string) (blocks []documentedBlock, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	name, err := filepath.Rel(root, path)
	if err != nil {
		return nil, err
	}
	found, err := page.Fenced(name, string(text))
	for i := range found {
		if found[i].Language == "yaml" {
			blocks = append(blocks, documentedBlock{found[i], name})
		}
	}
	return blocks, err
}

// objectsOf are the objects of our kinds in a block. What is no object, and does not say of what it is a part, is a mistake.
func objectsOf(b page.Block) (ours []map[string]any) {
	GinkgoHelper()
	for text := range strings.SplitSeq(b.Text, "\n---\n") {
		object := map[string]any{}
		Expect(yaml.Unmarshal([]byte(text), &object)).To(Succeed())
		if b.Fragment != "" {
			Expect(skeletons()).To(HaveKey(b.Fragment), "the kind that this is a part of")
			object = merged(skeletons()[b.Fragment], object)
		}
		Expect(object).To(SatisfyAll(HaveKey("apiVersion"), HaveKey("kind")),
			"a whole object, or <!-- walk: fragment: KIND --> before the block")
		if strings.HasPrefix(fmt.Sprint(object["apiVersion"]), v1alpha1.GroupVersion.Group+"/") {
			ours = append(ours, object)
		}
	}
	return ours
}

// skeletons are objects with what they cannot be without, by kind.
func skeletons() map[string]map[string]any {
	specs := map[string]map[string]any{
		"Directory": {"ldap": map[string]any{"url": "ldaps://ldap.corp.example", "users": map[string]any{"baseDN": "dc=corp"}}},
		"Grant": {
			"subjects": []any{map[string]any{"kind": "Group", "name": "g"}}, "scope": "Cluster",
			"roleRef": map[string]any{"kind": "ClusterRole", "name": "view"},
		},
		"User": {"userName": "somebody"},
	}
	objects := map[string]map[string]any{}
	for kind, spec := range specs {
		objects[kind] = map[string]any{
			"apiVersion": v1alpha1.GroupVersion.String(), "kind": kind, "metadata": map[string]any{"name": "documented"}, "spec": spec,
		}
	}
	return objects
}

// merged is one object with what another one says instead, or besides.
func merged(object, more map[string]any) map[string]any {
	result := maps.Clone(object)
	for key, value := range more {
		below, isMap := value.(map[string]any)
		there, wasMap := result[key].(map[string]any)
		if isMap && wasMap {
			value = merged(there, below)
		}
		result[key] = value
	}
	return result
}

// inTheNameOf are the arguments for what people say in their own name: even an administrator asks and approves in no other.
func inTheNameOf(object map[string]any) []string {
	spec, _ := object["spec"].(map[string]any)
	fields := map[string]string{"AccessRequest": "userName", "Approval": "approver"}
	field, personal := fields[fmt.Sprint(object["kind"])]
	if !personal {
		return nil
	}
	return []string{"--as=" + fmt.Sprint(spec[field]), "--as-group=system:masters"}
}
