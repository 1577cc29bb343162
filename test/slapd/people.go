// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package slapd

import (
	"fmt"
	"strings"
)

const (
	teamSize     = 20
	divisionSize = 10
)

// UID is the user name of the i-th person of People, from 0 on.
func UID(i int) string { return fmt.Sprintf("user%05d", i) }

// Team is the name of the i-th group of twenty people.
func Team(i int) string { return fmt.Sprintf("team-%04d", i) }

// UnixTeam is the name of the same group as RFC 2307 has it.
func UnixTeam(i int) string { return "unix-" + Team(i) }

// Division is the name of the i-th group of ten teams.
func Division(i int) string { return fmt.Sprintf("division-%03d", i) }

// Company is the name of the group of all divisions.
const Company = "company"

// People is the LDIF of n people, and of their groups in both schemas: posixGroup with memberUid, and groupOfNames with
// member, nested as Company > Division > Team > person.
func People(n int) string {
	var out strings.Builder
	var teams []string
	for first := 0; first < n; first += teamSize {
		team := len(teams)
		writeTeam(&out, team, first, min(first+teamSize, n))
		teams = append(teams, GroupDN(Team(team)))
	}
	var divisions []string
	for first := 0; first < len(teams); first += divisionSize {
		name := Division(len(divisions))
		writeGroup(&out, name, teams[first:min(first+divisionSize, len(teams))])
		divisions = append(divisions, GroupDN(name))
	}
	if n > 0 {
		writeGroup(&out, Company, divisions)
	}
	return out.String()
}

func writeTeam(out *strings.Builder, team, first, end int) {
	var uids, dns []string
	for i := first; i < end; i++ {
		writePerson(out, i)
		uids = append(uids, UID(i))
		dns = append(dns, PersonDN(UID(i)))
	}
	writeGroup(out, Team(team), dns)
	writeUnixGroup(out, UnixTeam(team), 10000+team, uids)
}

func writePerson(out *strings.Builder, i int) {
	uid := UID(i)
	fmt.Fprintf(out, "dn: %s\nobjectClass: inetOrgPerson\nobjectClass: posixAccount\n", PersonDN(uid))
	fmt.Fprintf(out, "uid: %s\ncn: Person %d\nsn: %d\nmail: %s@corp.example\n", uid, i, i, uid)
	fmt.Fprintf(out, "uidNumber: %d\ngidNumber: %d\nhomeDirectory: /home/%s\n\n", 10000+i, 10000+i/teamSize, uid)
}

func writeGroup(out *strings.Builder, name string, members []string) {
	fmt.Fprintf(out, "dn: %s\nobjectClass: groupOfNames\ncn: %s\n", GroupDN(name), name)
	for _, member := range members {
		fmt.Fprintf(out, "member: %s\n", member)
	}
	out.WriteString("\n")
}

func writeUnixGroup(out *strings.Builder, name string, gid int, uids []string) {
	fmt.Fprintf(out, "dn: %s\nobjectClass: posixGroup\ncn: %s\ngidNumber: %d\n", GroupDN(name), name, gid)
	for _, uid := range uids {
		fmt.Fprintf(out, "memberUid: %s\n", uid)
	}
	out.WriteString("\n")
}
