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
  find api config/crd/bases config/argocd config/dashboards charts/rollcall/files docs -type f \
    \( -path '*/applyconfiguration/*' -o -name 'zz_generated.*' -o -path 'config/crd/bases/*' -o -name argocd-cm.yaml -o -path 'charts/*' \
    -o -path 'config/dashboards/*' -o -path 'docs/*.md' \) \
    -exec cp --parents -t "$scratch/$1" {} +
}

generated() {
  mkdir -p config/crd/bases charts/rollcall/files
  snapshot before
  make generate manifests chart docs
  snapshot after
  if ! (cd "$scratch" && diff -ruN before after); then
    echo "These files were out of date; the tree now has what make generate manifests chart docs makes of the code and of config/." >&2
    return 1
  fi
}

modules() {
  local module
  for module in . hack/tools hack/packaging; do
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

# Renders a component, which only adds to what is there: here to a ConfigMap of Argo CD's that holds nothing.
component() {
  mkdir -p "$scratch/installation/component"
  cp -r "$1/." "$scratch/installation/component"
  printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: argocd-cm}\n' >"$scratch/installation/argocd-cm.yaml"
  printf 'resources: [argocd-cm.yaml]\ncomponents: [component]\n' >"$scratch/installation/kustomization.yaml"
  "$tools/kustomize" build "$scratch/installation"
}

manifests() {
  local folder
  for folder in crd rbac policies default; do
    if [ ! -f "config/$folder/kustomization.yaml" ]; then
      echo "config/$folder has no kustomization.yaml" >&2
      return 1
    fi
  done
  for folder in config/*/kustomization.yaml config/samples/company/clusters/*/kustomization.yaml; do
    folder=$(dirname "$folder")
    echo "$folder"
    if grep -q '^kind: Component$' "$folder/kustomization.yaml"; then
      component "$folder" >"$scratch/rendered.yaml"
    else
      "$tools/kustomize" build "$folder" >"$scratch/rendered.yaml"
    fi
    if [ ! -s "$scratch/rendered.yaml" ]; then
      echo "$folder renders to nothing" >&2
      return 1
    fi
  done
}

# The chart, by itself and with all that it can do. test/helm holds what it makes against config.
chart() {
  local all=login.enabled=true,login.url=https://login.example.com,cluster.server=https://api.example.com,authorization.enabled=true
  all+=,audit.enabled=true,audit.url=https://audit.example.com:9445,audit.ledger.enabled=true,signer=ca,serving.secret=serving
  all+=,metrics.enabled=true,metrics.serviceMonitor.enabled=true,prometheusRule.enabled=true,dashboards.enabled=true
  all+=,podDisruptionBudget.enabled=true,networkPolicy.enabled=true
  export HELM_CONFIG_HOME=$scratch/helm HELM_CACHE_HOME=$scratch/helm HELM_DATA_HOME=$scratch/helm
  "$tools/helm" lint --strict charts/rollcall
  "$tools/helm" lint --strict charts/rollcall --set "$all"
}

# Whoever builds these sources gets these bytes, wherever they are and whatever git says of them; and they need no library, of which the
# image has none.
reproducible() {
  local folder binary
  for folder in one another/and/longer; do
    mkdir -p "$scratch/$folder"
    tar --exclude=./bin --exclude=./.git -cf - . | tar -xf - -C "$scratch/$folder"
    if [ "$folder" = one ]; then git -C "$scratch/one" init -q; fi
    make --no-print-directory -C "$scratch/$folder" build VERSION=verified
  done
  for binary in manager kubectl-rollcall; do
    (cd "$scratch" && sha256sum {one,another/and/longer}/bin/"$binary")
    cmp "$scratch/one/bin/$binary" "$scratch/another/and/longer/bin/$binary"
    go version -m "$scratch/one/bin/$binary" | grep -q 'CGO_ENABLED=0$'
  done
}

# PROJECT lists the kinds that have a CRD, and no others.
project() {
  diff <(sed -n 's/^  kind: //p' PROJECT | sort) \
    <(sed -n 's/^    kind: //p' config/crd/bases/*.yaml | sort)
}

# Alert rules are of a kind that this control plane does not have: promtool checks the rules themselves, and plays their cases.
alerts() {
  local promtool
  promtool=$(command -v promtool || true)
  if [ -z "$promtool" ] && command -v apt-get >/dev/null; then
    # Out of Debian's package, without installing it: that would start a server.
    mkdir -p "$scratch/promtool"
    if [ "$(id -u)" = 0 ]; then apt-get update -qq; fi
    (cd "$scratch/promtool" && apt-get download -qq prometheus >/dev/null 2>&1 && dpkg -x prometheus_*.deb .) || true
    promtool=$scratch/promtool/usr/bin/promtool
  fi
  if [ ! -x "$promtool" ]; then
    if [ "${CI:-}" != true ]; then
      echo "promtool is not installed: the alert rules were not checked."
      return 0
    fi
    echo "promtool cannot be had: install Debian's package prometheus" >&2
    return 1
  fi
  mkdir -p "$scratch/alerts"
  sed '1,/^spec:/d;s/^  //' config/prometheus/rules.yaml >"$scratch/alerts/rules.yaml"
  cp config/prometheus/rules_test.yaml "$scratch/alerts"
  (cd "$scratch/alerts" && "$promtool" check rules rules.yaml && "$promtool" test rules rules_test.yaml)
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
for check in generated modules formatting vet lint manifests chart reproducible project alerts scripts; do
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
