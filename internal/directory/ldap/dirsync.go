// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package ldap

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/uuid"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/directory"
	"github.com/rollcall-iam/rollcall/internal/outcome"
)

const (
	// controlDirSync asks for the changes since a cookie (MS-ADTS, section 3.1.1.3.4.1.3).
	controlDirSync = ldap.ControlTypeDirSync
	// controlShowDeleted shows tombstones to those who may see them (MS-ADTS, section 3.1.1.3.4.1.14).
	controlShowDeleted = "1.2.840.113556.1.4.417"
	// askAgain is how often: DirSync answers at once, whether or not there is something to tell.
	askAgain = 250 * time.Millisecond
	// idsAtOnce is how many entries are looked up by one search.
	idsAtOnce = 100
	// anyNumber asks for as many attributes as the server likes to give at once.
	anyNumber = 1 << 20

	anyContainer = "(|(objectClass=organizationalUnit)(objectClass=container))"
	// anyChange finds deleted ones too, which have lost the category that filters for people usually ask for, and the places that entries
	// are in, which take them along when they are moved.
	anyChange = "(|(objectClass=user)(objectClass=group)" + anyContainer + ")"
)

// watchDirSync asks for changes whenever the server says that there were some. DirSync tells of everything in the domain, and of an
// entry only what changed; so it is asked for ids alone, and what these are now is read by the searches of a full read: deleted, moved
// out of the base, or not what the filter wants any more is then all the same.
func (s *Source) watchDirSync(ctx context.Context, from []string, tell func(directory.News)) error {
	connection, closeIt, err := s.open(ctx, controlDirSync, "DirSync")
	if err != nil {
		return err
	}
	defer closeIt()
	d := dirSync{source: s, connection: connection}
	err = d.begin(from)
	for gap := !d.resumed; err == nil; {
		var news directory.News
		if news, err = d.next(); err != nil {
			break
		}
		news.Gap = news.Gap || gap
		if gap || len(news.Changes) > 0 || news.Cookies != nil || !d.told {
			tell(news)
		}
		gap, d.told = false, true
		if news.Connected && !wait(ctx, askAgain) {
			break
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// wait says whether the time passed before ctx ended.
func wait(ctx context.Context, howLong time.Duration) bool {
	timer := time.NewTimer(howLong)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// dirSync is a conversation with one domain controller. Its cookies mean nothing to another.
type dirSync struct {
	source     *Source
	connection *ldap.Conn
	controller string
	partition  string
	usn        string
	cookie     []byte
	note       string
	// resumed says that it goes on from an earlier cookie, told that it has said something.
	resumed, told bool
}

// begin finds out whom it talks to, and where to begin.
func (d *dirSync) begin(from []string) (err error) {
	root, err := rootDSE(d.connection)
	if err != nil {
		return d.broken(err)
	}
	d.controller = root.GetEqualFoldAttributeValue(attrDSServiceName)
	if d.partition, err = d.source.partition(root); err != nil {
		return err
	}
	d.note = d.blindness()
	if d.resume(from, root) {
		return nil
	}
	// Nothing has the GUID 0, so that this brings a cookie and nothing else.
	_, err = d.ask("(objectGUID=" + escapeBytes(make([]byte, len(uuid.UUID{}))) + ")")
	if err != nil {
		return watchProblem(err, d.partition, d.source.bindDN, false)
	}
	return nil
}

// broken says that not even the root DSE could be read.
func (d *dirSync) broken(err error) error {
	return watchProblem(err, d.source.users.baseDN, d.source.bindDN, false)
}

// resume goes on from a cookie, if it is this domain controller's and not from its future: after it was restored from a backup it
// would take the cookie and pass over what the backup undid.
func (d *dirSync) resume(from []string, root *ldap.Entry) bool {
	const cookie, controller, usn = 0, 1, 2
	now, ok := changeNumber(root.GetEqualFoldAttributeValue(attrHighestUSN))
	if len(from) != usn+1 || from[controller] != d.controller || !ok || now < from[usn] {
		return false
	}
	decoded, err := base64.StdEncoding.DecodeString(from[cookie])
	d.resumed = err == nil && len(decoded) > 0
	if d.resumed {
		d.cookie = decoded
	}
	return d.resumed
}

// blindness says that deleted entries are not shown to the bind DN: DirSync then passes over them without a word.
func (d *dirSync) blindness() string {
	request := ldap.NewSearchRequest("CN=Deleted Objects,"+d.partition, ldap.ScopeSingleLevel, ldap.NeverDerefAliases, 1, 0, false,
		"(objectClass=*)", []string{attrObjectGUID}, []ldap.Control{ldap.NewControlString(controlShowDeleted, true, "")})
	result, err := d.connection.Search(request)
	if ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded) || err == nil && len(result.Entries) > 0 {
		return ""
	}
	return fmt.Sprintf("no deleted entry is visible to %q; if there are any, deletions are found by full reads only: let it list and read %q",
		d.source.bindDN, "CN=Deleted Objects,"+d.partition)
}

// partition is the naming context to ask: DirSync tells of no less.
func (s *Source) partition(root *ldap.Entry) (string, error) {
	found := namingContext(root, s.users.baseDN)
	for _, q := range s.queries() {
		if other := namingContext(root, q.baseDN); other != found || found == "" {
			return "", outcome.Terminalf(v1alpha1.ReasonNotSupported,
				"%q and %q are not in one domain of %s, and DirSync tells of one", s.users.baseDN, q.baseDN, s.url)
		}
	}
	return found, nil
}

// next is what happened since the last call. Asking for the server's last change costs a hundredth of asking for all changes.
func (d *dirSync) next() (directory.News, error) {
	news := directory.News{Connected: true, Note: d.note}
	root, err := rootDSE(d.connection)
	if err != nil {
		return news, d.broken(err)
	}
	usn, ok := changeNumber(root.GetEqualFoldAttributeValue(attrHighestUSN))
	if !ok {
		return news, outcome.Transientf(v1alpha1.ReasonDisconnected, "%s does not tell its last change any more", d.source.url)
	}
	if usn == d.usn {
		return news, nil
	}
	if usn < d.usn {
		return news, directory.ErrStartOver
	}
	result, err := d.ask(anyChange)
	if err != nil {
		return news, watchProblem(err, d.partition, d.source.bindDN, d.resumed || d.told)
	}
	if slices.ContainsFunc(result.entries, isDeleted) {
		d.note, news.Note = "", ""
	}
	if news.Changes, news.Gap, err = d.lookUp(result.entries); err != nil {
		return news, err
	}
	if news.Connected = !result.more; news.Connected {
		d.usn = usn
	}
	news.Position = directory.Position{d.controller: usn}
	news.Cookies = []string{base64.StdEncoding.EncodeToString(d.cookie), d.controller, usn}
	return news, nil
}

type answer struct {
	entries []*ldap.Entry
	more    bool
}

// ask sends one request and keeps the cookie of the answer. The bind DN needs no right to replicate: it is shown what it may see.
func (d *dirSync) ask(filter string) (answer, error) {
	request := ldap.NewSearchRequest(d.partition, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, filter, d.attributes(), nil)
	result, err := d.connection.DirSync(request, ldap.DirSyncObjectSecurity, anyNumber, d.cookie)
	if err != nil {
		return answer{}, err
	}
	control, ok := ldap.FindControl(result.Controls, controlDirSync).(*ldap.ControlDirSync)
	if !ok || len(control.Cookie) == 0 {
		return answer{}, ldap.NewError(ldap.LDAPResultUnavailableCriticalExtension, fmt.Errorf("the server's answer has no cookie"))
	}
	d.cookie = slices.Clone(control.Cookie)
	return answer{entries: result.Entries, more: control.Flags != 0}, nil
}

// attributes are those whose change matters: an entry that changed in none of them is not told of. One that was renamed or moved
// changed in its name.
func (d *dirSync) attributes() []string {
	names := []string{attrObjectGUID, attrName, attrIsDeleted, attrMember}
	for _, q := range d.source.queries() {
		for _, attribute := range q.attributes() {
			plain, _, _ := strings.Cut(attribute, ";")
			names = append(names, plain)
		}
		names = append(names, filterAttributes(q.filter)...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

const (
	attrName      = "name"
	attrMember    = "member"
	attrIsDeleted = "isDeleted"
)

// isDeleted says whether an entry is the tombstone of one.
func isDeleted(entry *ldap.Entry) bool {
	return strings.EqualFold(entry.GetEqualFoldAttributeValue(attrIsDeleted), "true")
}

// lookUp says what has become of entries, and whether there may be more than that: when a place moves, everything in it does.
func (d *dirSync) lookUp(entries []*ldap.Entry) (changes []directory.Change, gap bool, err error) {
	var ids []string
	for _, entry := range entries {
		if guid, ok := objectGUID(entry.GetEqualFoldRawAttributeValue(attrObjectGUID)); ok {
			ids = append(ids, guid)
		}
	}
	slices.Sort(ids)
	for some := range slices.Chunk(slices.Compact(ids), idsAtOnce) {
		now, err := d.whatBecameOf(some)
		if err != nil {
			return nil, false, err
		}
		places, err := d.places(some)
		if err != nil {
			return nil, false, err
		}
		changes, gap = append(changes, now...), gap || places
	}
	groups, err := d.groupsOf(changes)
	return append(changes, groups...), gap || d.regrouped(entries), err
}

// regrouped says whether a group changed that decides who is found.
func (d *dirSync) regrouped(entries []*ldap.Entry) bool {
	member := func(a *ldap.EntryAttribute) bool { return strings.EqualFold(a.Name, attrMember) }
	return d.source.followsGroups() &&
		slices.ContainsFunc(entries, func(e *ldap.Entry) bool { return slices.ContainsFunc(e.Attributes, member) })
}

// groupsOf are the groups of all that were found, who may be called otherwise than before, or not have been found before. They come last:
// only then is it known who is called what.
func (d *dirSync) groupsOf(changes []directory.Change) ([]directory.Change, error) {
	if d.source.groups == nil {
		return nil, nil
	}
	var came []string
	for _, c := range changes {
		if c.Gone == "" {
			came = append(came, refOf(c))
		}
	}
	var groups []directory.Change
	for some := range slices.Chunk(came, idsAtOnce) {
		found, err := d.source.groupsOf(d.connection, some)
		if err != nil {
			return nil, err
		}
		groups = append(groups, found...)
	}
	return groups, nil
}

func (d *dirSync) whatBecameOf(ids []string) ([]directory.Change, error) {
	var changes []directory.Change
	found, filter := map[string]bool{}, idFilter(ids)
	for _, q := range d.source.queries() {
		now, err := d.source.search(d.connection, q, "(&"+q.filter+filter+")")
		if err != nil {
			return nil, err
		}
		for _, c := range now {
			found[keyOf(c)] = true
		}
		changes = append(changes, now...)
	}
	for _, id := range ids {
		if !found[id] {
			changes = append(changes, directory.Change{Gone: id})
		}
	}
	return changes, nil
}

func keyOf(c directory.Change) string {
	if c.Person != nil {
		return c.Person.Key
	}
	return c.Group.Key
}

// refOf is the DN that member lists call an entry by.
func refOf(c directory.Change) string {
	if c.Person != nil {
		return c.Person.Refs[0]
	}
	return c.Group.Refs[0]
}

// places says whether some of the ids are those of places.
func (d *dirSync) places(ids []string) (bool, error) {
	request := ldap.NewSearchRequest(d.partition, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false,
		"(&"+anyContainer+idFilter(ids)+")", []string{attrObjectGUID}, nil)
	result, err := d.connection.Search(request)
	if err != nil {
		return false, searchProblem(err, d.partition, d.source.bindDN)
	}
	return len(result.Entries) > 0, nil
}
