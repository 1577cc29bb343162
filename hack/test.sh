#!/usr/bin/env bash
# Runs the tests against a real control plane and, where they can be had, real directory servers, a real database and a real browser. With
# arguments it runs what they name, as go test takes them: hack/test.sh -v -run TestMirror ./internal/mirror
set -euo pipefail
cd "$(dirname "$0")/.."

hack/build-control-plane.sh
hack/install-test-servers.sh
hack/install-node-provider.sh
make build
make -s bin/tools/helm
KUBEBUILDER_ASSETS=$PWD/bin/k8s
export KUBEBUILDER_ASSETS

# -count=1: the tests run binaries that go's test cache does not know of.
go_test=(go test -count=1 -timeout 30m)
if [ $# -gt 0 ]; then
  exec "${go_test[@]}" "$@"
fi

# Only ginkgo's suites know ginkgo's flags, without which they do not say which specs they skip.
imports='{{join .TestImports " "}} {{join .XTestImports " "}}'
suites=() others=()
while read -r package imported; do
  case "$package" in
    */test/gitops) continue ;; # make test-gitops builds what it needs
  esac
  case " $imported " in
    *" github.com/onsi/ginkgo/v2 "*) suites+=("$package") ;;
    *) others+=("$package") ;;
  esac
done < <(go list -e -f "{{.ImportPath}} $imports" ./...)

run_tests() {
  local code=0
  if [ ${#others[@]} -gt 0 ]; then
    "${go_test[@]}" -v "${others[@]}" 2>&1 || code=$?
  fi
  if [ ${#suites[@]} -gt 0 ]; then
    "${go_test[@]}" -v "${suites[@]}" -ginkgo.v -ginkgo.no-color 2>&1 || code=$?
  fi
  return "$code"
}

log=bin/test.log
echo "Testing; everything that the tests say goes to $log"
run_tests | tee "$log" | awk -f hack/test-summary.awk
