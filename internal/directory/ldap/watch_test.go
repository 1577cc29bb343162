// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package ldap

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync/atomic"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
	"github.com/google/uuid"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/directory"
	"github.com/rollcall-iam/rollcall/internal/outcome"
)

// Names of what content synchronization says (RFC 4533).
const (
	syncInfo  = ldap.ControlTypeSyncInfo
	syncState = ldap.ControlTypeSyncState
)

// wireServer speaks just enough LDAP to tell a script to everyone who watches, and to find nothing for everyone who searches.
type wireServer struct {
	// offers are the controls in the root DSE, root is what else is in it.
	offers []string
	root   func() values
	// says is what a persistent search brings.
	says []*ber.Packet
	// finds is what another search brings. Default: nothing.
	finds func(search) []*ber.Packet
	// persistent counts the persistent searches.
	persistent atomic.Int64
}

// search is a request for entries.
type search struct {
	base, filter string
	attributes   []string
	// dirSync says that it asks for changes.
	dirSync bool
	// cookie is of the page before the one that it asks for.
	cookie string
}

func (w *wireServer) start() string {
	GinkgoHelper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(listener.Close)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go w.serve(conn)
		}
	}()
	return "ldap://" + listener.Addr().String()
}

func (w *wireServer) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	for {
		request, err := ber.ReadPacket(conn)
		if err != nil || len(request.Children) < 2 {
			return
		}
		id, _ := request.Children[0].Value.(int64)
		for _, answer := range w.answers(request) {
			if _, err := conn.Write(message(id, answer).Bytes()); err != nil {
				return
			}
		}
	}
}

func (w *wireServer) answers(request *ber.Packet) []*ber.Packet {
	operation := request.Children[1]
	switch {
	case operation.Tag != ldap.ApplicationSearchRequest:
		return nil
	case asks(request, ldap.ControlTypeSyncRequest):
		w.persistent.Add(1)
		return w.says
	case operation.Children[0].Data.Len() == 0:
		root := values{attrSupportedControl: w.offers}
		if w.root != nil {
			maps.Copy(root, w.root())
		}
		return []*ber.Packet{found("", root), done(0)}
	case w.finds == nil:
		return []*ber.Packet{done(0)}
	default:
		return w.finds(searchIn(request))
	}
}

func searchIn(request *ber.Packet) search {
	operation := request.Children[1]
	s := search{base: operation.Children[0].Data.String(), dirSync: asks(request, ldap.ControlTypeDirSync)}
	s.filter, _ = ldap.DecompileFilter(operation.Children[6])
	for _, attribute := range operation.Children[7].Children {
		s.attributes = append(s.attributes, attribute.Data.String())
	}
	for _, controls := range request.Children[2:] {
		for _, control := range controls.Children {
			if decoded, err := ldap.DecodeControl(control); err == nil {
				if paging, ok := decoded.(*ldap.ControlPaging); ok {
					s.cookie = string(paging.Cookie)
				}
			}
		}
	}
	return s
}

// asks says whether a request has a control.
func asks(request *ber.Packet, control string) bool {
	return slices.ContainsFunc(request.Children[2:], func(controls *ber.Packet) bool {
		return slices.ContainsFunc(controls.Children, func(c *ber.Packet) bool { return c.Children[0].Data.String() == control })
	})
}

func sequence(parts ...*ber.Packet) *ber.Packet {
	return fill(ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, ""), parts...)
}

func operation(tag ber.Tag, parts ...*ber.Packet) *ber.Packet {
	return fill(ber.Encode(ber.ClassApplication, ber.TypeConstructed, tag, nil, ""), parts...)
}

func fill(whole *ber.Packet, parts ...*ber.Packet) *ber.Packet {
	for _, part := range parts {
		whole.AppendChild(part)
	}
	return whole
}

func octets(text string) *ber.Packet {
	return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, text, "")
}

func number(tag ber.Tag, n int64) *ber.Packet {
	return ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, tag, n, "")
}

// message gives an operation, or an operation and its controls, the id of the request that it answers.
func message(id int64, answer *ber.Packet) *ber.Packet {
	if answer.Tag == ber.TagSequence && answer.ClassType == ber.ClassUniversal {
		return fill(sequence(number(ber.TagInteger, id)), answer.Children...)
	}
	return sequence(number(ber.TagInteger, id), answer)
}

func found(dn string, attributes values) *ber.Packet {
	list := sequence()
	for name, some := range attributes {
		set := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
		for _, value := range some {
			set.AppendChild(octets(value))
		}
		list.AppendChild(sequence(octets(name), set))
	}
	return operation(ldap.ApplicationSearchResultEntry, octets(dn), list)
}

func done(result int64) *ber.Packet {
	return operation(ldap.ApplicationSearchResultDone, number(ber.TagEnumerated, result), octets(""), octets("so says the test"))
}

// added is an entry that came, with its Sync State control.
func added(n int) *ber.Packet {
	id := uuid.UUID{15: byte(n), 14: byte(n >> 8)}
	state := sequence(number(ber.TagEnumerated, int64(ldap.SyncStateAdd)), octets(string(id[:])))
	return with(found(fmt.Sprintf("uid=u%d,dc=corp", n), values{"uid": {fmt.Sprintf("u%d", n)}}), syncState, state)
}

// with is an answer with a control.
func with(answer *ber.Packet, control string, value *ber.Packet) *ber.Packet {
	controls := ber.Encode(ber.ClassContext, ber.TypeConstructed, 0, nil, "")
	return sequence(answer, fill(controls, sequence(octets(control), octets(string(value.Bytes())))))
}

// refreshOver is the Sync Info message that ends a refresh.
func refreshOver(cookie string) *ber.Packet {
	info := fill(ber.Encode(ber.ClassContext, ber.TypeConstructed, 1, nil, ""), octets(cookie))
	return operation(ldap.ApplicationIntermediateResponse,
		ber.NewString(ber.ClassContext, ber.TypePrimitive, 0, syncInfo, ""),
		ber.NewString(ber.ClassContext, ber.TypePrimitive, 1, string(info.Bytes()), ""))
}

// watching watches a server until the spec is over.
func watching(ctx context.Context, url string, from []string, tell func(directory.News)) <-chan error {
	GinkgoHelper()
	s, err := New(source(func(s *v1alpha1.LDAPSource) { s.URL, s.TLS = url, v1alpha1.TLSDisabled }), Credentials{})
	Expect(err).NotTo(HaveOccurred())
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- s.Watch(ctx, from, tell) }()
	DeferCleanup(cancel)
	return ended
}

var _ = Describe("A watch by content synchronization", func() {
	offers := []string{ldap.ControlTypeSyncRequest}

	It("keeps up when more people come at once than it reads ahead", func(ctx SpecContext) {
		const people = 5 * sentAhead
		w := &wireServer{offers: offers, says: []*ber.Packet{refreshOver("C#1")}}
		for n := range people {
			w.says = append(w.says, added(n))
		}
		var came atomic.Int64
		watching(ctx, w.start(), nil, func(n directory.News) {
			for _, c := range n.Changes {
				if c.Person != nil {
					came.Add(1)
				}
			}
		})
		Eventually(came.Load).WithTimeout(20 * time.Second).Should(BeEquivalentTo(people))
	})

	It("ends with its context", func(ctx SpecContext) {
		short, cancel := context.WithCancel(ctx)
		told := make(chan directory.News, 10)
		w := &wireServer{offers: offers, says: []*ber.Packet{refreshOver("C#1")}}
		ended := watching(short, w.start(), nil, func(n directory.News) { told <- n })
		Eventually(told).Should(Receive(HaveField("Connected", true)))
		Consistently(ended).WithTimeout(100 * time.Millisecond).ShouldNot(Receive())
		cancel()
		Eventually(ended).Should(Receive(MatchError(context.Canceled)))
	})

	It("is not possible where the server does not offer it", func(ctx SpecContext) {
		var err error
		Eventually(watching(ctx, (&wireServer{}).start(), nil, func(directory.News) {})).Should(Receive(&err))
		Expect(outcome.Of(err, "")).To(And(
			HaveField("Kind", outcome.Terminal), HaveField("Reason", v1alpha1.ReasonNotSupported),
			HaveField("Message", ContainSubstring("content synchronization")),
		))
	})

	DescribeTable("begins no search that the server would cut short, which OpenLDAP does not survive",
		func(of string, result int64, reason string) {
			w := &wireServer{offers: offers, says: []*ber.Packet{refreshOver("C#1")}, finds: func(asked search) []*ber.Packet {
				defer GinkgoRecover()
				Expect(asked.attributes).To(ConsistOf("entryUUID", "nsUniqueId"))
				entry := found("uid=one,dc=corp", values{"entryUUID": {uuid.NewString()}})
				if asked.base == of {
					return []*ber.Packet{entry, done(result)}
				}
				return []*ber.Packet{entry, done(0)}
			}}
			var err error
			Eventually(watching(context.Background(), w.start(), nil, func(directory.News) {})).Should(Receive(&err))
			Expect(outcome.Of(err, "")).To(HaveField("Reason", reason))
			Expect(w.persistent.Load()).To(BeZero())
		},
		Entry("people", "ou=people,dc=corp,dc=example", int64(ldap.LDAPResultSizeLimitExceeded), v1alpha1.ReasonNotPermitted),
		Entry("groups", "ou=groups,dc=corp,dc=example", int64(ldap.LDAPResultTimeLimitExceeded), v1alpha1.ReasonNotPermitted),
		Entry("a base that may not be seen", "ou=groups,dc=corp,dc=example", int64(ldap.LDAPResultNoSuchObject), v1alpha1.ReasonNotPermitted),
		Entry("a server that ends", "ou=people,dc=corp,dc=example", int64(ldap.LDAPResultUnavailable), v1alpha1.ReasonDisconnected),
	)

	DescribeTable("begins where every entry shows what changes are told by, and nowhere else", func(attributes values, begins bool) {
		w := &wireServer{offers: offers, says: []*ber.Packet{refreshOver("C#1")}, finds: func(search) []*ber.Packet {
			return []*ber.Packet{
				found("uid=one,dc=corp", values{"entryUUID": {uuid.NewString()}}), found("uid=two,dc=corp", attributes), done(0),
			}
		}}
		told, err := make(chan directory.News, 10), error(nil)
		ended := watching(context.Background(), w.start(), nil, func(n directory.News) { told <- n })
		if begins {
			Eventually(told).Should(Receive(HaveField("Connected", true)))
			return
		}
		Eventually(ended).Should(Receive(&err))
		Expect(outcome.Of(err, "")).To(And(HaveField("Reason", v1alpha1.ReasonNotPermitted),
			HaveField("Message", ContainSubstring(`may not read entryUUID or nsUniqueId of "uid=two,dc=corp"`))))
		Expect(w.persistent.Load()).To(BeZero())
	},
		Entry("the standard's", values{"entryUUID": {uuid.NewString()}}, true),
		Entry("389 Directory Server's", values{"nsUniqueId": {"5b6ae301-7a2b11ee-8a1c9d2f-3b4c5d6e"}}, true),
		Entry("neither", values{"uid": {"two"}}, false),
	)

	DescribeTable("ends when one of its searches does", func(says []*ber.Packet, result int64, from []string, want OmegaMatcher) {
		w := &wireServer{offers: offers, says: append(says, done(result))}
		var err error
		Eventually(watching(context.Background(), w.start(), from, func(directory.News) {})).Should(Receive(&err))
		Expect(err).To(want)
	},
		Entry("the cookie is refused", nil, int64(4096), []string{"QyMx", "QyMx"}, MatchError(directory.ErrStartOver)),
		Entry("no cookie is refused", nil, int64(53), nil, HaveField("Reason", v1alpha1.ReasonNotSupported)),
		Entry("a limit", nil, int64(ldap.LDAPResultSizeLimitExceeded), nil, HaveField("Reason", v1alpha1.ReasonNotPermitted)),
		Entry("the server stops", []*ber.Packet{refreshOver("C#1")}, int64(ldap.LDAPResultUnavailable), nil,
			HaveField("Reason", v1alpha1.ReasonDisconnected)),
		Entry("the server says that all is well", []*ber.Packet{refreshOver("C#1")}, int64(0), nil,
			HaveField("Reason", v1alpha1.ReasonDisconnected)),
	)
})
