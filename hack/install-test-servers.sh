#!/usr/bin/env bash
# Makes sure that what tests use of Debian is installed: directory servers (OpenLDAP's slapd, 389 Directory Server, Samba), a
# database (PostgreSQL), Argo CD's cache (Redis) and a browser (Chromium). Where one cannot be had, says which: the specs that need it
# are then skipped, by name. Under CI=true that is a failure.
set -euo pipefail

# Program, package, and a file that only this package brings.
needed='
slapd    slapd               /usr/sbin/slapd
389-ds   389-ds-base         /usr/sbin/ns-slapd
389-ds   libnss3-tools       /usr/bin/certutil
389-ds   openssl             /usr/bin/openssl
samba    samba               /usr/sbin/samba
samba    samba-common-bin    /usr/bin/samba-tool
samba    samba-ad-provision  /usr/share/samba/setup/provision.ldif
samba    samba-dsdb-modules  /usr/lib/*/samba/ldb/samldb.so
samba    samba-vfs-modules   /usr/lib/*/samba/vfs/acl_xattr.so
samba    winbind             /usr/sbin/winbindd
samba    ldb-tools           /usr/bin/ldbsearch
postgres postgresql          /usr/lib/postgresql/*/bin/postgres
redis    redis-server        /usr/bin/redis-server
chromium chromium            /usr/bin/chromium
chromium libnss3-tools       /usr/bin/certutil
chromium fonts-dejavu-core   /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf
'

# missing sets the programs that are not complete and the packages that complete them.
missing() {
  programs='' packages=()
  local program package file
  while read -r program package file; do
    if [ -z "$program" ] || compgen -G "$file" >/dev/null; then
      continue
    fi
    packages+=("$package")
    case "$programs " in
      *" $program "*) ;;
      *) programs+=" $program" ;;
    esac
  done <<<"$needed"
}

# absent ends the script: in CI every spec must run.
absent() {
  echo "Not installed:$programs: $1. Specs that need them are skipped." >&2
  if [ "${CI:-}" = true ]; then
    exit 1
  fi
  exit 0
}

missing
if [ ${#packages[@]} -eq 0 ]; then
  exit 0
fi

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  absent "install Debian's packages ${packages[*]} (needs root and apt-get)"
fi

# Installing starts the daemons unless a policy forbids it. A policy that is there already is left alone.
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
if ! { apt-get update && apt-get install -y --no-install-recommends "${packages[@]}"; } >"$log" 2>&1; then
  tail -n 5 "$log" >&2
  missing
  absent "apt-get could not install ${packages[*]}"
fi
missing
if [ ${#packages[@]} -gt 0 ]; then
  absent "apt-get installed ${packages[*]}, but not where expected"
fi
