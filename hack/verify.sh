#!/usr/bin/env bash
# Checks all that needs no cluster, reports every check that fails, and fails when one does. make verify builds the tools
# that it uses.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=$PWD/bin/tools
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Copies what is generated to a folder of the given name.
snapshot() {
  mkdir -p "$scratch/$1"
  find api config/crd/bases -type f \
    \( -path '*/applyconfiguration/*' -o -name 'zz_generated.*' -o -path 'config/crd/bases/*' \) \
    -exec cp --parents -t "$scratch/$1" {} +
}

generated() {
  mkdir -p config/crd/bases
  snapshot before
  make generate manifests
  snapshot after
  if ! (cd "$scratch" && diff -ruN before after); then
    echo "These files were out of date; the tree now has what make generate manifests makes of api/." >&2
    return 1
  fi
}

modules() {
  local module
  for module in . hack/tools; do
    (cd "$module" && go mod tidy -diff)
  done
}

formatting() {
  "$tools/golangci-lint" fmt --diff
}

vet() {
  go vet ./...
}

lint() {
  "$tools/golangci-lint" config verify
  "$tools/golangci-lint" run
}

manifests() {
  local folder
  for folder in crd rbac default; do
    if [ ! -f "config/$folder/kustomization.yaml" ]; then
      echo "config/$folder has no kustomization.yaml" >&2
      return 1
    fi
  done
  for folder in config/*/kustomization.yaml; do
    folder=$(dirname "$folder")
    echo "$folder"
    "$tools/kustomize" build "$folder" >"$scratch/rendered.yaml"
    if [ ! -s "$scratch/rendered.yaml" ]; then
      echo "$folder renders to nothing" >&2
      return 1
    fi
  done
}

# PROJECT lists the kinds that have a CRD, and no others.
project() {
  diff <(sed -n 's/^  kind: //p' PROJECT | sort) \
    <(sed -n 's/^    kind: //p' config/crd/bases/*.yaml | sort)
}

scripts() {
  if ! command -v shellcheck >/dev/null; then
    if [ "${CI:-}" != true ]; then
      echo "shellcheck is not installed: the scripts were not checked."
      return 0
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends shellcheck >/dev/null
  fi
  shellcheck hack/*.sh .ci/run
}

# A subshell of its own: in "if check", errexit would be off inside.
failed=()
for check in generated modules formatting vet lint manifests project scripts; do
  echo "== $check"
  start=$SECONDS
  set +e
  (set -e; "$check")
  code=$?
  set -e
  if [ "$code" -ne 0 ]; then
    failed+=("$check")
    echo "-- $check FAILED ($((SECONDS - start)) s)"
  else
    echo "-- $check ok ($((SECONDS - start)) s)"
  fi
done

if [ ${#failed[@]} -gt 0 ]; then
  echo "make verify failed: ${failed[*]}" >&2
  exit 1
fi
echo "make verify: all is well"
