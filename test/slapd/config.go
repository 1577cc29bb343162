// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package slapd

import (
	"fmt"
	"os"
	"strings"
)

// config: the access log is the first database because the second writes to it. Limits: soft is for clients that ask
// for none, hard for those that ask for more, prtotal for all pages together.
const config = `
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
moduleload refint
moduleload ppolicy
moduleload syncprov
moduleload accesslog

pidfile "{dir}/slapd.pid"
argsfile "{dir}/slapd.args"
TLSCACertificateFile "{dir}/ca.crt"
TLSCertificateFile "{dir}/slapd.crt"
TLSCertificateKeyFile "{dir}/slapd.key"
TLSVerifyClient never
sizelimit size.soft={limit} size.hard={limit}

database mdb
suffix cn=accesslog
rootdn "{root}"
directory "{dir}/accesslog"
maxsize 268435456
dbnosync
index default eq
index entryCSN,objectClass,reqEnd,reqResult,reqStart,reqDN
limits dn.exact="{sync}" size=unlimited size.prtotal=unlimited time=unlimited
access to * by dn.exact="{sync}" read by * none

database mdb
suffix "{base}"
rootdn "{root}"
rootpw {password}
directory "{dir}/main"
maxsize 1073741824
dbnosync
index objectClass,uid,cn,member,memberUid,memberOf,entryUUID,entryCSN eq
limits dn.exact="{sync}" size=unlimited size.prtotal=unlimited time=unlimited
limits dn.exact="{reader}" size.soft={limit} size.hard={limit} size.prtotal=unlimited time=unlimited
limits dn.exact="{limited}" size.soft={limit} size.hard={limit} size.prtotal={limit}
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{reader}" read by dn.exact="{sync}" read by dn.exact="{limited}" read by anonymous auth by * none
overlay memberof
overlay refint
refint_attributes member
overlay ppolicy
ppolicy_default "cn=default,ou=policies,{base}"
overlay syncprov
syncprov-sessionlog-source cn=accesslog
overlay accesslog
logdb cn=accesslog
logops writes
logsuccess TRUE

database monitor
rootdn "{root}"
`

// base is what every test finds; the policy makes ppolicy refuse locked accounts.
const base = `
dn: {base}
objectClass: dcObject
objectClass: organization
o: Corp Example

dn: ou=people,{base}
objectClass: organizationalUnit

dn: ou=groups,{base}
objectClass: organizationalUnit

dn: ou=elsewhere,{base}
objectClass: organizationalUnit

dn: ou=services,{base}
objectClass: organizationalUnit

dn: ou=policies,{base}
objectClass: organizationalUnit

dn: cn=default,ou=policies,{base}
objectClass: applicationProcess
objectClass: pwdPolicy
pwdAttribute: userPassword
pwdLockout: TRUE

dn: {reader}
objectClass: applicationProcess
objectClass: simpleSecurityObject
userPassword: {password}

dn: {limited}
objectClass: applicationProcess
objectClass: simpleSecurityObject
userPassword: {password}

dn: {sync}
objectClass: applicationProcess
objectClass: simpleSecurityObject
userPassword: {password}
`

func (s *Server) writeConfig(template string) error {
	return os.WriteFile(s.File("slapd.conf"), []byte(s.fill(template)), 0o600)
}

func (s *Server) baseLDIF() string {
	return s.fill(base)
}

func (s *Server) fill(template string) string {
	return strings.NewReplacer(
		"{dir}", s.Dir(),
		"{base}", BaseDN,
		"{root}", RootDN,
		"{reader}", ReaderDN,
		"{limited}", LimitedDN,
		"{sync}", SyncDN,
		"{password}", s.Password(),
		"{limit}", fmt.Sprint(SizeLimit),
	).Replace(template)
}
