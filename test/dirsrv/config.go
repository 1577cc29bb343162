// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package dirsrv

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"regexp"
	"strings"
)

// config replaces what the template says of the same attributes, and adds the entries that the template lacks.
// Passwords stay in clear text because hashing is slow. Without durable transactions only a crash of the machine loses
// what was acknowledged. Without targetUniqueId a search that resumes silently finds nothing. The server adds the
// entryUUID plug-ins by itself, but uses them from its second start on.
const config = `
dn: cn=config
nsslapd-listenhost: 127.0.0.1
nsslapd-securelistenhost: 127.0.0.1
nsslapd-secureport: {ldaps}
nsslapd-security: on
nsslapd-accesslog-logging-enabled: off
passwordStorageScheme: CLEAR
nsslapd-allow-anonymous-access: rootdse

dn: cn=MemberOf Plugin,cn=plugins,cn=config
nsslapd-pluginenabled: on
memberOfAutoAddOC: nsMemberOf

dn: cn=referential integrity postoperation,cn=plugins,cn=config
nsslapd-pluginenabled: on

dn: cn=Retro Changelog Plugin,cn=plugins,cn=config
nsslapd-pluginenabled: on
nsslapd-attribute: nsuniqueid:targetUniqueId
nsslapd-attribute: entryuuid:targetEntryUUID

dn: cn=Content Synchronization,cn=plugins,cn=config
nsslapd-pluginenabled: on

dn: cn=entryuuid_syntax,cn=plugins,cn=config
objectclass: top
objectclass: nsSlapdPlugin
cn: entryuuid_syntax
nsslapd-pluginpath: libentryuuid-syntax-plugin
nsslapd-plugininitfunc: entryuuid_syntax_plugin_init
nsslapd-plugintype: syntax
nsslapd-pluginenabled: on

dn: cn=entryuuid,cn=plugins,cn=config
objectclass: top
objectclass: nsSlapdPlugin
cn: entryuuid
nsslapd-pluginpath: libentryuuid-plugin
nsslapd-plugininitfunc: entryuuid_plugin_init
nsslapd-plugintype: betxnpreoperation
nsslapd-pluginenabled: on

dn: cn=config,cn=ldbm database,cn=plugins,cn=config
nsslapd-cache-autosize: 0
nsslapd-dbcachesize: 33554432
nsslapd-db-durable-transaction: off

dn: cn=entryuuid,cn=default indexes, cn=config,cn=ldbm database,cn=plugins,cn=config
objectclass: top
objectclass: nsIndex
cn: entryuuid
nssystemindex: false
nsindextype: eq

dn: cn=userRoot,cn=ldbm database,cn=plugins,cn=config
objectclass: top
objectclass: extensibleObject
objectclass: nsBackendInstance
cn: userRoot
nsslapd-suffix: {base}
nsslapd-directory: {dir}/db/userRoot
nsslapd-cachememsize: 67108864

dn: cn="{base}",cn=mapping tree,cn=config
objectclass: top
objectclass: extensibleObject
objectclass: nsMappingTree
cn: {base}
cn: "{base}"
nsslapd-state: backend
nsslapd-backend: userRoot
`

// base is what every test finds. A limit of -1 is none.
const base = `
dn: {base}
objectClass: domain
dc: corp
aci: (targetattr != "userPassword")(version 3.0; acl "reader"; allow (read, search, compare) userdn = "ldap:///{reader}";)

dn: ou=people,{base}
objectClass: organizationalUnit

dn: ou=groups,{base}
objectClass: organizationalUnit

dn: ou=elsewhere,{base}
objectClass: organizationalUnit

dn: ou=services,{base}
objectClass: organizationalUnit

dn: {reader}
objectClass: applicationProcess
objectClass: simpleSecurityObject
userPassword: {password}
nsSizeLimit: -1
nsLookThroughLimit: -1
nsTimeLimit: -1
nsIdleTimeout: -1
`

func (s *Server) baseLDIF() string {
	return s.fill(base)
}

// writeConfig writes what dscreate would, with everything below the server's own folder.
func (s *Server) writeConfig(ldapPort, ldapsPort int) error {
	template, err := os.ReadFile(templatePath)
	if err != nil {
		return err
	}
	current, err := user.Current()
	if err != nil {
		return fmt.Errorf("find out who runs the server: %w", err)
	}
	filled, err := s.fillTemplate(string(template), ldapPort, current.Username)
	if err != nil {
		return err
	}
	changes := strings.ReplaceAll(s.fill(config), "{ldaps}", fmt.Sprint(ldapsPort))
	return errors.Join(
		os.WriteFile(s.File("schema/99user.ldif"), []byte("dn: cn=schema\nobjectClass: top\n"), 0o600),
		os.WriteFile(s.File("dse.ldif"), []byte(amend(filled, changes)), 0o600))
}

// fillTemplate knows every key of the template: one that a later version adds must not be left as it is.
func (s *Server) fillTemplate(template string, port int, userName string) (string, error) {
	filled := strings.NewReplacer(
		"%schema_dir%", s.File("schema"),
		"%lock_dir%", s.File("run"),
		"%tmp_dir%", s.File("run"),
		"%cert_dir%", s.File("certs"),
		"%ldif_dir%", s.Dir(),
		"%bak_dir%", s.Dir(),
		"%run_dir%", s.File("run"),
		"%inst_dir%", s.Dir(),
		"%log_dir%", s.File("log"),
		"%config_dir%", "/etc/dirsrv/config",
		"%db_dir%", s.File("db"),
		"%db_home_dir%", s.File("db"),
		"%db_lib%", "bdb",
		"%fqdn%", "localhost",
		"%ds_port%", fmt.Sprint(port),
		"%ds_user%", userName,
		"%ds_suffix%", BaseDN,
		"%rootdn%", RootDN,
		"%ds_passwd%", "{CLEAR}"+s.Password(),
		"%ldapi_enabled%", "off",
		"%ldapi_autobind%", "off",
		"%ldapi%", s.File("run/ldapi"),
	).Replace(template)
	if unknown := regexp.MustCompile(`%\w+%`).FindString(filled); unknown != "" {
		return "", fmt.Errorf("%s has the unknown key %s", templatePath, unknown)
	}
	return filled, nil
}

func (s *Server) fill(template string) string {
	return strings.NewReplacer(
		"{dir}", s.Dir(),
		"{base}", BaseDN,
		"{reader}", ReaderDN,
		"{password}", s.Password(),
	).Replace(template)
}

// amend puts the attributes of each entry of changes in place of the entry's own.
func amend(template, changes string) string {
	entries := strings.Split(strings.TrimSpace(template), "\n\n")
	for change := range strings.SplitSeq(strings.TrimSpace(changes), "\n\n") {
		dn, attributes, _ := strings.Cut(change, "\n")
		if i := find(entries, dn); i >= 0 {
			entries[i] = replaceAttributes(entries[i], attributes)
		} else {
			entries = append(entries, change)
		}
	}
	return strings.Join(entries, "\n\n") + "\n"
}

func find(entries []string, dn string) int {
	for i, entry := range entries {
		if first, _, _ := strings.Cut(entry, "\n"); strings.EqualFold(first, dn) {
			return i
		}
	}
	return -1
}

func replaceAttributes(entry, attributes string) string {
	kept := strings.Split(entry, "\n")
	for line := range strings.SplitSeq(attributes, "\n") {
		name, _, _ := strings.Cut(line, ":")
		kept = without(kept, name+":")
	}
	return strings.Join(append(kept, attributes), "\n")
}

func without(lines []string, prefix string) []string {
	var kept []string
	for _, line := range lines {
		if !strings.HasPrefix(strings.ToLower(line), strings.ToLower(prefix)) {
			kept = append(kept, line)
		}
	}
	return kept
}
