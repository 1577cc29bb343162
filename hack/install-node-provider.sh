#!/usr/bin/env bash
# Installs the second OpenID provider of the tests, npm's oidc-provider, into bin/nodeprovider, once for each change of its lock file.
# Where node or npm is not there, or is too old, says so: the specs that need it are then skipped, by name.
set -euo pipefail
cd "$(dirname "$0")/.."

from=test/nodeprovider
into=bin/nodeprovider
oldest=20 # as in package.json

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
  echo "No node or npm: specs that need the second OpenID provider are skipped." >&2
  exit 0
fi
version=$(node --version)
major=${version#v}
if [ "${major%%.*}" -lt "$oldest" ]; then
  echo "node $version is too old: specs that need the second OpenID provider are skipped." >&2
  exit 0
fi
if cmp -s "$from/package-lock.json" "$into/installed.json"; then
  exit 0
fi

echo "Installing the second OpenID provider into $into"
mkdir -p "$into"
cp "$from/package.json" "$from/package-lock.json" "$into"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! (cd "$into" && npm ci --ignore-scripts --no-audit --no-fund) >"$log" 2>&1; then
  tail -n 5 "$log" >&2
  echo "Not installed: npm's oidc-provider. Specs that need it are skipped." >&2
  if [ "${CI:-}" = true ]; then
    exit 1
  fi
  exit 0
fi
cp "$into/package-lock.json" "$into/installed.json"
