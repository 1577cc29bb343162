#!/usr/bin/env bash
# Makes sure that slapd, the LDAP server that tests use, is installed. Where it cannot be had, says so: the specs that
# need it are then skipped, by name. Under CI=true that is a failure.
set -euo pipefail

if [ -x /usr/sbin/slapd ]; then
  exit 0
fi

# absent ends the script: in CI every spec must run.
absent() {
  echo "slapd is not installed: $1. Specs that need it are skipped." >&2
  if [ "${CI:-}" = true ]; then
    exit 1
  fi
  exit 0
}

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  absent "install the package slapd (needs root and apt-get)"
fi

# Installing starts the daemon unless a policy forbids it. A policy that is there already is left alone.
policy=/usr/sbin/policy-rc.d
log=$(mktemp)
ours=
cleanup() {
  rm -f "$log"
  if [ -n "$ours" ]; then rm -f "$policy"; fi
}
trap cleanup EXIT
if [ ! -e "$policy" ]; then
  ours=true
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi

export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update && apt-get install -y --no-install-recommends slapd; } >"$log" 2>&1; then
  tail -n 5 "$log" >&2
  absent "apt-get could not install it"
fi
