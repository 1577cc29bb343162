#!/usr/bin/env bash
# Builds etcd, kube-apiserver, kube-controller-manager and kubectl into bin/k8s/ from the versions that
# hack/controlplane/go.mod pins. Does nothing when what is there was built from the same pin.
set -euo pipefail
cd "$(dirname "$0")/controlplane"
out=$(cd ../.. && pwd)/bin/k8s

packages=$(sed -n '/^tool (/,/^)/{//!p}' go.mod)
pin=$(cat go.mod go.sum ../build-control-plane.sh | sha256sum | cut -d' ' -f1)
if [ "$(cat "$out/.pin" 2>/dev/null)" = "$pin" ]; then
  exit 0
fi

version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
major=$(echo "${version#v}" | cut -d. -f1)
minor=$(echo "${version#v}" | cut -d. -f2)
v=k8s.io/component-base/version
ldflags="-s -w -X $v.gitVersion=$version -X $v.gitMajor=$major -X $v.gitMinor=$minor"

# Progress: the go command prints each package as it is done, and knows beforehand how many there are.
progress() {
  awk -v total="$1" -v tty="$2" '
    BEGIN { start = systime() }
    {
      done++
      percent = done < total ? int(100 * done / total) : 100
      if (tty) printf "\r  %3d %%  %s\033[K", percent, substr($0, 1, 60)
      else if (percent >= next_line) { printf "  %3d %%\n", percent; next_line = percent + 10 }
      fflush()
    }
    END { if (tty) printf "\r\033[K"; printf "  built in %d s\n", systime() - start }'
}

echo "Building etcd, kube-apiserver, kube-controller-manager and kubectl $version from source."
echo "  This takes five to seven minutes on two cores, once; later runs use what is in bin/k8s."
rm -rf "$out.new"
mkdir -p "$out.new"
export CGO_ENABLED=0
# shellcheck disable=SC2086 # a list of packages
total=$(go list -deps $packages | wc -l)
if [ -t 1 ]; then tty=1; else tty=0; fi
log="$out.new/build.log"
# shellcheck disable=SC2086 # a list of packages
if ! go build -v -trimpath -ldflags "$ldflags" -o "$out.new/" $packages 2>&1 | tee "$log" | progress "$total" "$tty"; then
  echo "Building the control plane failed:" >&2
  tail -n 20 "$log" >&2
  exit 1
fi
mv "$out.new/server" "$out.new/etcd"
rm "$log"
rm -rf "$out"
echo "$pin" >"$out.new/.pin"
mv "$out.new" "$out"
