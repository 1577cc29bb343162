// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package mirror

import "slices"

// naming says which entries are meant by names of objects, whether or not these exist yet.
type naming struct {
	wanted map[string]bool
	taken  func(name string) bool
	// objects are the names of the objects that exist, by the entry that they are for.
	objects map[binding][]string
}

func newNaming(objects []object, wanted map[string]bool, taken func(string) bool) naming {
	n := naming{wanted: wanted, taken: taken, objects: map[binding][]string{}}
	for _, o := range objects {
		entry := binding{id: IDKey(o.id), name: o.entryName}
		n.objects[entry] = append(n.objects[entry], o.name)
	}
	return n
}

// names says whether one of the names is that of an entry's object, or the one that its object would get. An object for another name that
// the entry had does not count: what it was given does not follow.
func (n naming) names(e entry) bool {
	if len(n.wanted) == 0 {
		return false
	}
	existing := slices.Concat(n.objects[binding{id: IDKey(e.id), name: e.name}], n.objects[binding{name: e.name}])
	if len(existing) > 0 {
		return slices.ContainsFunc(existing, func(name string) bool { return n.wanted[name] })
	}
	return n.wanted[objectName(e.name, e.id, n.taken)]
}
