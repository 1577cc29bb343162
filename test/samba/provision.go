// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package samba

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

const (
	realm  = "AD.EXAMPLE.TEST"
	domain = "ADEX"
)

// config: nothing but LDAP is served. Tests end the process, not the machine, so nothing need reach the disk.
const config = `
[global]
netbios name = DC1
realm = {realm}
workgroup = {domain}
server role = active directory domain controller
server services = ldap
interfaces = lo
bind interfaces only = yes
ldb:nosync = yes
tls keyfile = {dir}/samba.key
tls certfile = {dir}/samba.crt
tls cafile = {dir}/ca.crt
private dir = {dir}/data/private
state directory = {dir}/data/state
binddns dir = {dir}/data/bind-dns
cache directory = {dir}/run/cache
lock directory = {dir}/run/lock
pid directory = {dir}/run/pid
ncalrpc dir = {dir}/run/ncalrpc
winbindd socket directory = {dir}/run/winbindd
ntp signd socket directory = {dir}/run/ntp
`

// deletedAccess is what the container has at first, and what ListChildren and ReadProperty are for the one account.
const deletedAccess = `dn: CN=Deleted Objects,` + BaseDN + `
changetype: modify
replace: nTSecurityDescriptor
nTSecurityDescriptor: D:PAI(A;;LCRP;;;{sid})(A;;CCDCLCSWRPWPSDRCWDWO;;;SY)(A;;LCRP;;;BA)
`

// provision makes the domain, whatever the host's own configuration of Samba is.
func (s *Server) provision(ctx context.Context) error {
	if err := os.Mkdir(s.File("run"), 0o755); err != nil { // Samba insists that others may read parts of it.
		return err
	}
	out, err := exec.CommandContext(ctx, sambaToolPath, "domain", "provision", "--configfile="+os.DevNull,
		"--targetdir="+s.File("data"), "--realm="+realm, "--domain="+domain, "--server-role=dc", "--dns-backend=NONE",
		"--use-rfc2307", "--adminpass="+s.Password(), "--host-name=dc1", "--host-ip=127.0.0.1",
		"--option=interfaces=lo", "--option=bind interfaces only=yes").CombinedOutput()
	if err != nil {
		return fmt.Errorf("samba-tool does not provision a domain: %w:\n%s", err, out)
	}
	return nil
}

func (s *Server) writeConfig(context.Context) error {
	filled := strings.NewReplacer("{dir}", s.Dir(), "{realm}", realm, "{domain}", domain).Replace(config)
	return os.WriteFile(s.File("smb.conf"), []byte(filled), 0o600)
}

// addAccounts adds what every test finds.
func (s *Server) addAccounts(context.Context) error {
	return s.AsRoot(func(conn *ldap.Conn) error {
		for _, dn := range []string{PeopleDN, GroupsDN, ElsewhereDN, servicesDN} {
			request := ldap.NewAddRequest(dn, nil)
			request.Attribute("objectClass", []string{"organizationalUnit"})
			if err := conn.Add(request); err != nil {
				return fmt.Errorf("add %s: %w", dn, err)
			}
		}
		return errors.Join(conn.Add(newUser(ReaderDN, "reader", s.Password())), conn.Add(newUser(SyncDN, "sync", s.Password())))
	})
}

// showDeleted lets SyncDN list deleted entries and read them. It goes past the server: not even RootDN may grant that.
func (s *Server) showDeleted(ctx context.Context) error {
	var sid string
	err := s.AsRoot(func(conn *ldap.Conn) error {
		account, err := find(conn, "sync", "objectSid")
		if err == nil {
			sid, err = formatSID(account.GetRawAttributeValue("objectSid"))
		}
		return err
	})
	if err != nil {
		return err
	}
	path := s.File("deleted.ldif")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(deletedAccess, "{sid}", sid)), 0o600); err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, ldbmodifyPath, "-H", s.File("data", "private", "sam.ldb"),
		"--controls=show_deleted:1", "--controls=sd_flags:1:4", path).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ldbmodify does not change who sees deleted entries: %w:\n%s", err, out)
	}
	return nil
}
