#!/usr/bin/env bash
# Tests what GitOps tools make of Rollcall: the health checks of config/argocd in Argo CD's own Lua VM, those of config/flux in Flux's own
# evaluator, and kstatus.
set -euo pipefail
cd "$(dirname "$0")/.."

# As the binaries are built, so that what was compiled serves for both. -count=1: the files lie outside of the modules.
for module in hack/argocd hack/flux; do
  echo "Testing $module"
  (cd "$module" && CGO_ENABLED=0 go test -trimpath -count=1 ./...)
done
