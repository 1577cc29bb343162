#!/usr/bin/env bash
# Tests what GitOps tools make of Rollcall: the health checks of config/argocd in Argo CD's own Lua VM, those of config/flux in Flux's own
# evaluator, kstatus, and then the real Argo CD, which syncs a company's repository. Arguments go to the last: -ginkgo.focus Synced
set -euo pipefail
cd "$(dirname "$0")/.."

hack/build-control-plane.sh
hack/build-argocd.sh
hack/install-test-servers.sh
make build bin/tools/kustomize
KUBEBUILDER_ASSETS=$PWD/bin/k8s
export KUBEBUILDER_ASSETS

# As the binary is built, so that what was compiled serves for both. -count=1: the files lie outside of the modules.
for module in hack/argocd hack/flux; do
  (cd "$module" && CGO_ENABLED=0 go test -trimpath -count=1 ./...)
done
exec go test -count=1 -timeout 30m -v ./test/gitops -ginkgo.v -ginkgo.no-color "$@"
