# Rollcall's build. `make help` lists what can be done; everything is built into bin/, which git ignores.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Passed on: make test ARGS="-run TestMirror ./internal/mirror", make demo ARGS="..."
ARGS ?=

# What deploy installs: the folder of config. make deploy CONFIG=login
CONFIG ?= default

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
# The version is given, not read from git, so that a checkout of another owner builds too.
GO_BUILD = CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w -X main.version=$(VERSION)'

API := ./api/v1alpha1
HEADER := hack/boilerplate.go.txt

TOOLS := bin/tools
CONTROLLER_GEN := $(TOOLS)/controller-gen
KUSTOMIZE := $(TOOLS)/kustomize
GOLANGCI_LINT := $(TOOLS)/golangci-lint
TOOLS_PIN := hack/tools/go.mod hack/tools/go.sum
HELM := $(TOOLS)/helm
CYCLONEDX := $(TOOLS)/cyclonedx-gomod
CRD_REF_DOCS := $(TOOLS)/crd-ref-docs
PACKAGING_PIN := hack/packaging/go.mod hack/packaging/go.sum
CHART := charts/rollcall

# kubectl from the PATH where there is one, else the one that belongs to the control plane.
KUBECTL := $(shell command -v kubectl 2>/dev/null)
ifeq ($(KUBECTL),)
KUBECTL := bin/k8s/kubectl
kubectl: control-plane
else
kubectl:
endif

##@ Development

.PHONY: help
help: ## List the targets.
	@echo "make <target>; what is built goes to bin/"
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z][a-z-]*:.*## / { printf "  %-15s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# Rewritten from nothing, so that a type that is gone leaves nothing behind.
.PHONY: generate
generate: $(CONTROLLER_GEN) ## Generate deep copies and apply configurations from api/.
	$(CONTROLLER_GEN) object:headerFile=$(HEADER) paths=$(API)
	@rm -rf $(API)/applyconfiguration
	$(CONTROLLER_GEN) applyconfiguration:headerFile=$(HEADER) paths=$(API)

.PHONY: manifests
manifests: $(CONTROLLER_GEN) ## Generate the CRDs into config/crd/bases, config/argocd/argocd-cm.yaml and config/dashboards. RBAC is written by hand.
	@rm -rf bin/crd
	$(CONTROLLER_GEN) crd paths=$(API) output:crd:artifacts:config=bin/crd
	@mkdir -p config/crd && rm -rf config/crd/bases && mv bin/crd config/crd/bases
	@hack/generate-argocd-cm.sh
	@go run ./hack/dashboards config/dashboards

# The chart has no second wording of what config says: its templates read these copies. Helm makes the namespace, and asks whoever runs it.
.PHONY: chart
chart: ## Copy the CRDs, rights, policies, alerts and dashboards of config into the chart.
	@rm -rf $(CHART)/files && mkdir -p $(CHART)/files/{crds,rbac,policies,prometheus,dashboards}
	@cp config/crd/bases/*.yaml $(CHART)/files/crds
	@cp config/rbac/*.yaml $(CHART)/files/rbac && rm $(CHART)/files/rbac/{kustomization,namespace}.yaml
	@cp config/policies/*.yaml $(CHART)/files/policies && rm $(CHART)/files/policies/kustomization.yaml
	@cp config/prometheus/rules.yaml $(CHART)/files/prometheus
	@cp config/dashboards/*.json $(CHART)/files/dashboards

# Specs hold the generated parts of the other pages against the code; with -update they write them.
.PHONY: docs
docs: $(CRD_REF_DOCS) ## Write docs/api-reference.md, and what docs/{metrics,cli,manager-flags}.md take from the code.
	@$(CRD_REF_DOCS) --source-path=$(API) --config=hack/api-reference/config.yaml --templates-dir=hack/api-reference \
	  --renderer=markdown --output-path=docs/api-reference.md --log-level=ERROR
	@told=$$(go test -count=1 ./test/reference ./cmd/kubectl-rollcall -ginkgo.no-color -ginkgo.label-filter=generated -update 2>&1) || { echo "$$told" >&2; exit 1; }

.PHONY: fmt
fmt: $(GOLANGCI_LINT) ## Format the code and order its imports.
	$(GOLANGCI_LINT) fmt

.PHONY: lint
lint: $(GOLANGCI_LINT) ## Run golangci-lint, with kube-api-linter and the import rules.
	$(GOLANGCI_LINT) run $(ARGS)

.PHONY: verify
verify: tools ## Check everything that needs no cluster: generated files, formatting, lint, scripts, manifests.
	@hack/verify.sh

##@ Build and test

.PHONY: build
build: ## Build bin/manager, and the kubectl plugin bin/kubectl-rollcall.
	@echo "Building bin/manager"
	@$(GO_BUILD) -o bin/manager .
	@echo "Building bin/kubectl-rollcall"
	@$(GO_BUILD) -o bin/kubectl-rollcall ./cmd/kubectl-rollcall
	@ln -sf kubectl-rollcall bin/kubectl_complete-rollcall

.PHONY: sbom
sbom: build $(CYCLONEDX) ## List the modules that bin/manager is made of (CycloneDX): bin/manager.cdx.json.
	@$(CYCLONEDX) bin -json -noserial -notimestamp -version "$(VERSION)" -output bin/manager.cdx.json bin/manager

.PHONY: control-plane
control-plane: ## Build etcd, kube-apiserver, kube-controller-manager and kubectl into bin/k8s (once).
	@hack/build-control-plane.sh

.PHONY: test
test: ## Run all tests against a real control plane. ARGS="-run X ./internal/..." runs some.
	@hack/test.sh $(ARGS)

.PHONY: test-gitops
test-gitops: ## Test with the real Argo CD, built on first use, and with Flux's health checks.
	@hack/test-gitops.sh $(ARGS)

.PHONY: walk
walk: control-plane bin/walk ## Do what README and tutorial say, word for word, as a newcomer. ARGS="docs/tutorial.md" walks one page.
	@exec bin/walk $(ARGS)

.PHONY: bin/walk
bin/walk:
	@echo "Building bin/walk"
	@$(GO_BUILD) -o bin/walk ./test/walk

.PHONY: screenshots
screenshots: ## Take the pictures in docs/images anew, with Chromium.
	@mkdir -p docs/images
	@ROLLCALL_SCREENSHOTS=$(CURDIR)/docs/images hack/test.sh ./test/login -ginkgo.focus 'Somebody with a browser'
	@ROLLCALL_SCREENSHOTS=$(CURDIR)/docs/images hack/test.sh ./test/report -ginkgo.focus 'on paper'

.PHONY: bench
bench: control-plane build bin/bench ## Measure at scale, some minutes. ARGS="-o markdown" writes docs/scale.md.
	@exec bin/bench $(ARGS)

.PHONY: bin/bench
bin/bench:
	@echo "Building bin/bench"
	@$(GO_BUILD) -o bin/bench ./test/bench

##@ Try it

.PHONY: demo
demo: control-plane build bin/demo ## Show the main job on a real control plane, then clean up.
	@exec bin/demo $(ARGS)

.PHONY: up
up: control-plane build bin/demo ## Start a playground that stays.
	@exec bin/demo up $(ARGS)

.PHONY: down
down: bin/demo ## Stop the playground.
	@exec bin/demo down $(ARGS)

.PHONY: bin/demo
bin/demo:
	@echo "Building bin/demo"
	@$(GO_BUILD) -o bin/demo ./test/demo

##@ Your own cluster (the current kubeconfig)

.PHONY: install
install: kubectl ## Install the CRDs.
	$(KUBECTL) apply -k config/crd

.PHONY: uninstall
uninstall: kubectl ## Remove the CRDs and every Directory, User, Group and Grant with them.
	@if $(KUBECTL) get crd directories.iam.rollcall.dev >/dev/null 2>&1; then \
	  $(KUBECTL) delete directories.iam.rollcall.dev --all --timeout=60s || { \
	    echo "A Directory waits for the operator to withdraw what it imported: start the operator, or remove the Directory's finalizer." >&2; \
	    exit 1; }; \
	fi
	$(KUBECTL) delete --ignore-not-found -k config/crd

.PHONY: deploy
deploy: kubectl $(KUSTOMIZE) ## Install everything: CRDs, rights, operator. CONFIG=login: and let people log in.
	$(KUSTOMIZE) build config/$(CONFIG) | $(KUBECTL) apply --server-side --force-conflicts -f -

.PHONY: undeploy
undeploy: uninstall $(KUSTOMIZE) ## Remove everything that deploy installed: the CRDs while the operator can still clean up.
	$(KUSTOMIZE) build config/$(CONFIG) | $(KUBECTL) delete --ignore-not-found -f -

.PHONY: kubectl

##@ Tools

.PHONY: tools
tools: $(CONTROLLER_GEN) $(KUSTOMIZE) $(GOLANGCI_LINT) $(HELM) $(CRD_REF_DOCS) ## Build the pinned tools into bin/tools (once).

# go build leaves a file alone that is already right, hence the touch.
define build_tool
@echo "Building $@"
@cd $(or $(2),hack/tools) && CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w' -o ../../$@ $(1)
@touch $@
endef

$(CONTROLLER_GEN): $(TOOLS_PIN)
	$(call build_tool,sigs.k8s.io/controller-tools/cmd/controller-gen)

$(KUSTOMIZE): $(TOOLS_PIN)
	$(call build_tool,sigs.k8s.io/kustomize/kustomize/v5)

$(GOLANGCI_LINT): $(TOOLS_PIN) $(wildcard hack/tools/golangci-lint/*.go)
	$(call build_tool,./golangci-lint)

$(HELM): $(PACKAGING_PIN)
	$(call build_tool,helm.sh/helm/v4/cmd/helm,hack/packaging)

$(CRD_REF_DOCS): $(PACKAGING_PIN)
	$(call build_tool,github.com/elastic/crd-ref-docs,hack/packaging)

$(CYCLONEDX): $(PACKAGING_PIN)
	$(call build_tool,github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod,hack/packaging)
