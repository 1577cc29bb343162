// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package ldap

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"
	"golang.org/x/sync/errgroup"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/directory"
	"github.com/rollcall-iam/rollcall/internal/outcome"
)

const (
	// sentAhead is how many entries may wait to be looked at.
	sentAhead = 64
	// rehearsalTimeout is how long finding out may take whether a watch may begin: as long as a full read.
	rehearsalTimeout = 10 * time.Minute
)

// watchSyncrepl keeps one persistent search open for people and one for groups (RFC 4533, refreshAndPersist), each on a connection of
// its own. When one ends, both do.
//
// The refresh at the beginning is believed only where it says that nothing happened. Servers differ in what it holds: everything, what
// changed, what did not, entries without their operational attributes, and 389 Directory Server loses every fifty-first deletion. So
// whatever it brings means Gap, and the full read that follows decides. What changes once the refresh is over comes whole.
func (s *Source) watchSyncrepl(ctx context.Context, from []string, tell func(directory.News)) error {
	if err := s.rehearse(ctx); err != nil {
		return err
	}
	queries := s.queries()
	t := &telling{tell: tell, cookies: make([]string, len(queries)), refreshed: make([]bool, len(queries))}
	if len(from) == len(queries) {
		copy(t.cookies, from)
	}
	group, ctx := errgroup.WithContext(ctx)
	for i, q := range queries {
		// What cannot be decoded is as good as no cookie.
		cookie, _ := base64.StdEncoding.DecodeString(t.cookies[i])
		group.Go(func() error { return s.follow(ctx, q, cookie, func(n heard) { t.hear(i, n) }) })
	}
	return group.Wait()
}

// rehearse makes sure that no limit cuts a refresh short, by searches that find as many entries. Having refused a refresh is dangerous to
// OpenLDAP (seen in 2.5.13): it keeps the search, whose memory it has freed, and crashes at some later change. And it makes sure that the
// bind DN is shown what changes are told by: entries without would be told of by a name that nothing else has.
func (s *Source) rehearse(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, rehearsalTimeout)
	defer cancel()
	connection, closeIt, err := s.open(ctx, ldap.ControlTypeSyncRequest, "content synchronization")
	if err != nil {
		return err
	}
	defer closeIt()
	connection.SetTimeout(0) // It is the whole that has a limit, which closes the connection.
	for _, q := range s.queries() {
		if err := s.rehearseOne(ctx, connection, q); err != nil {
			return err
		}
	}
	return nil
}

func (s *Source) rehearseOne(ctx context.Context, connection *ldap.Conn, q *query) error {
	request := ldap.NewSearchRequest(q.baseDN, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, q.filter,
		defaultsOf(q.schema).keys, nil)
	entries, nameless := connection.SearchAsync(ctx, request, sentAhead), ""
	for entries.Next() {
		if entry := entries.Entry(); nameless == "" && key(entry) == dnKey(entry.DN) {
			nameless = entry.DN
		}
	}
	err := entries.Err()
	switch {
	case err == nil && connection.IsClosing():
		err = ldap.NewError(ldap.ErrorNetwork, errors.New("the connection was closed"))
		fallthrough
	case err != nil:
		return watchProblem(err, q.baseDN, s.bindDN, false)
	case nameless != "":
		return outcome.Terminalf(v1alpha1.ReasonNotPermitted, "%q may not read %s of %q, by which changes are told",
			s.bindDN, strings.Join(defaultsOf(q.schema).keys, " or "), nameless)
	}
	return nil
}

// heard is what one message of one search says.
type heard struct {
	changes []directory.Change
	// came are the DNs, or login names where member lists have these, of entries that were not there before.
	came   []string
	cookie []byte
	// refreshed says that the refresh is over, gap that it did not name everything that went.
	refreshed, gap bool
}

// telling makes one account of what several searches say.
type telling struct {
	mutex     sync.Mutex
	tell      func(directory.News)
	cookies   []string
	refreshed []bool
}

func (t *telling) hear(search int, h heard) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	news := directory.News{Changes: h.changes, Gap: h.gap}
	if len(h.cookie) > 0 {
		t.cookies[search] = base64.StdEncoding.EncodeToString(h.cookie)
		news.Cookies = slices.Clone(t.cookies)
		news.Position = cookiePosition(h.cookie)
	}
	t.refreshed[search] = t.refreshed[search] || h.refreshed
	news.Connected = !slices.Contains(t.refreshed, false)
	if len(news.Changes) > 0 || news.Cookies != nil || h.refreshed || h.gap {
		t.tell(news)
	}
}

// follow runs one persistent search until it ends, which is always an error.
func (s *Source) follow(ctx context.Context, q *query, cookie []byte, tell func(heard)) error {
	connection, closeIt, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer closeIt()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()           // Before the connection is closed, which waits for what was sent and not read.
	connection.SetTimeout(0) // A persistent search has nothing to say while nothing happens.
	request := ldap.NewSearchRequest(q.baseDN, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, q.filter, q.attributes(), nil)
	stream := connection.Syncrepl(ctx, request, sentAhead, ldap.SyncRequestModeRefreshAndPersist, cookie, false)
	f := follower{query: q, cookie: cookie, resumed: len(cookie) > 0}
	others := lookUps{source: s}
	defer others.close()
	for stream.Next() {
		h := f.interpret(stream.Entry(), stream.Controls())
		h.gap = h.gap || len(h.changes) > 0 && !q.people() && s.followsGroups()
		others.complete(ctx, &h)
		tell(h)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	err = stream.Err()
	if err == nil {
		err = ldap.NewError(ldap.ErrorNetwork, errors.New("the server ended the search"))
	}
	return watchProblem(err, q.baseDN, s.bindDN, f.resumed || f.refreshed)
}

// lookUps are searches beside a persistent one. They have a connection of their own: on one connection an answer waits behind all that
// the persistent search has to say, which waits for us.
type lookUps struct {
	source     *Source
	connection *ldap.Conn
	stop       func()
}

// complete adds what an entry that is new brings with it: the groups that list it already, and are not told of. Where that fails, a
// full read has to say.
func (l *lookUps) complete(ctx context.Context, h *heard) {
	if l.source.groups == nil || len(h.came) == 0 {
		return
	}
	groups, err := l.groupsOf(ctx, h.came)
	if err != nil {
		l.close()
		h.gap = true
		return
	}
	h.changes = append(h.changes, groups...)
}

func (l *lookUps) groupsOf(ctx context.Context, members []string) ([]directory.Change, error) {
	if l.connection == nil {
		connection, stop, err := l.source.connect(ctx)
		if err != nil {
			return nil, err
		}
		l.connection, l.stop = connection, stop
	}
	return l.source.groupsOf(l.connection, members)
}

func (l *lookUps) close() {
	if l.connection != nil {
		l.stop()
	}
	l.connection = nil
}

// follower interprets the messages of one search.
type follower struct {
	query *query
	// cookie is where to go on, moved that it was not told yet.
	cookie []byte
	moved  bool
	// resumed says that the search went on from a cookie, refreshed that the refresh is over, touched that it brought something.
	resumed, refreshed, touched bool
}

// interpret says what a message means.
func (f *follower) interpret(entry *ldap.Entry, controls []ldap.Control) heard {
	var h heard
	for _, control := range controls {
		switch c := control.(type) {
		case *ldap.ControlSyncState:
			f.state(&h, entry, c)
		case *ldap.ControlSyncInfo:
			f.info(&h, c)
		case *ldap.ControlSyncDone:
			f.remember(c.Cookie)
		}
	}
	if f.refreshed && f.moved {
		// Not before: what a refresh says is passed over, and a cookie from within it would pass over the full read as well.
		h.cookie, f.moved = f.cookie, false
	}
	return h
}

// state is an entry that came, changed or went (RFC 4533, section 2.3).
func (f *follower) state(h *heard, entry *ldap.Entry, c *ldap.ControlSyncState) {
	f.remember(c.Cookie)
	key := c.EntryUUID.String()
	switch {
	case !f.refreshed:
		f.touched = true
	case c.State == ldap.SyncStateDelete:
		h.changes = append(h.changes, directory.Change{Gone: key})
	case entry == nil || c.State == ldap.SyncStatePresent:
		h.gap = true // Out of place once the refresh is over.
	case f.query.people():
		p := person(entry, f.query)
		p.Key = key
		h.changes = append(h.changes, directory.Change{Person: &p})
		if c.State == ldap.SyncStateAdd {
			h.came = append(h.came, memberOf(entry, f.query))
		}
	default:
		g := group(entry, f.query)
		g.Key = key
		h.changes = append(h.changes, directory.Change{Group: &g})
		if c.State == ldap.SyncStateAdd && !f.query.byUID() {
			h.came = append(h.came, entry.DN)
		}
	}
}

// memberOf is what member lists call a person, as the server knows it.
func memberOf(entry *ldap.Entry, q *query) string {
	if q.byUID() {
		return name(entry, attrUID)
	}
	return entry.DN
}

// info is news about the search itself (RFC 4533, section 2.5).
func (f *follower) info(h *heard, c *ldap.ControlSyncInfo) {
	switch {
	case c.SyncIdSet != nil:
		f.remember(c.SyncIdSet.Cookie)
		f.set(h, c.SyncIdSet)
	case c.RefreshDelete != nil:
		f.remember(c.RefreshDelete.Cookie)
		f.done(h, c.RefreshDelete.RefreshDone)
	case c.RefreshPresent != nil:
		// Who is not named among the present is gone.
		f.touched = true
		f.remember(c.RefreshPresent.Cookie)
		f.done(h, c.RefreshPresent.RefreshDone)
	}
}

func (f *follower) set(h *heard, set *ldap.ControlSyncInfoSyncIdSet) {
	f.touched = true
	if !f.refreshed {
		return
	}
	h.gap = !set.RefreshDeletes
	for _, id := range set.SyncUUIDs {
		if set.RefreshDeletes {
			h.changes = append(h.changes, directory.Change{Gone: id.String()})
		}
	}
}

func (f *follower) done(h *heard, over bool) {
	if over && !f.refreshed {
		f.refreshed, h.refreshed = true, true
		h.gap = !f.resumed || f.touched
	}
}

// brokenChangelog ends the cookies of a 389 Directory Server whose changelog lacks the entries' unique ids (nsslapd-attribute:
// nsuniqueid:targetUniqueId): it would take them and tell nothing.
const brokenChangelog = "#4294967295"

// remember keeps a cookie, unless it is none: go-ldap makes an empty one of a newcookie.
func (f *follower) remember(cookie []byte) {
	if len(cookie) > 0 && !strings.HasSuffix(string(cookie), brokenChangelog) {
		f.cookie, f.moved = mergeCookies(f.cookie, cookie), true
	}
}
