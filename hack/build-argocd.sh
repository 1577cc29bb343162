#!/usr/bin/env bash
# Builds Argo CD into bin/argocd from the version that hack/argocd/go.mod pins, for make test-gitops. Does nothing when what is there was
# built from the same pin. It is one binary, which looks at the name that it was called by.
set -euo pipefail
cd "$(dirname "$0")/argocd"
out=$(cd ../.. && pwd)/bin/argocd

pin=$(cat go.mod go.sum ../build-argocd.sh | sha256sum | cut -d' ' -f1)
if [ "$(cat "$out/.pin" 2>/dev/null)" = "$pin" ]; then
  exit 0
fi

module=github.com/argoproj/argo-cd/v3
version=$(go list -m -f '{{.Version}}' "$module")
echo "Building Argo CD $version from source."
echo "  This takes ten minutes and more on two cores, once; later runs use what is in bin/argocd."
rm -rf "$out.new"
mkdir -p "$out.new/manifests"
go mod download "$module"
source=$(go list -m -f '{{.Dir}}' "$module")

# The application controller serves its metrics on every address there is, and no flag says otherwise: here on loopback alone.
cp -r "$source" "$out.new/source"
chmod -R u+w "$out.new/source"
sed -i 's/"0\.0\.0\.0:%d"/"127.0.0.1:%d"/' "$out.new/source/controller/appcontroller.go"
if cmp -s "$source/controller/appcontroller.go" "$out.new/source/controller/appcontroller.go"; then
  echo "controller/appcontroller.go no longer names the address of its metrics: see what hack/build-argocd.sh changes" >&2
  exit 1
fi
cp go.mod go.sum "$out.new/"
go mod edit -replace "$module=$out.new/source" "$out.new/go.mod"

start=$SECONDS
CGO_ENABLED=0 go build -trimpath -buildvcs=false -modfile "$out.new/go.mod" \
  -ldflags "-s -w -X $module/common.version=${version#v}" -o "$out.new/argocd" "$module/cmd"
echo "  built in $((SECONDS - start)) s"
rm -r "$out.new/source" "$out.new/go.mod" "$out.new/go.sum"
for name in application-controller repo-server; do
  ln -s argocd "$out.new/argocd-$name"
done
# What an installation of it begins with.
cp -r "$source/manifests/crds" "$source/manifests/base/config" "$source/manifests/base/application-controller-roles" "$out.new/manifests/"
chmod -R u+w "$out.new/manifests"
rm -rf "$out"
echo "$pin" >"$out.new/.pin"
mv "$out.new" "$out"
