// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/rollcall-iam/rollcall/internal/outcome"
)

// Right is one thing that somebody may do.
type Right struct {
	Verb, Group, Resource, Subresource, Name, Namespace string
	// Path is of what is no resource; then the others but Verb are empty.
	Path string
}

// Attributes are how a SubjectAccessReview asks about it.
func (r Right) Attributes() (*authorizationv1.ResourceAttributes, *authorizationv1.NonResourceAttributes) {
	if r.Path != "" {
		return nil, &authorizationv1.NonResourceAttributes{Path: r.Path, Verb: r.Verb}
	}
	return &authorizationv1.ResourceAttributes{
		Verb: r.Verb, Group: r.Group, Resource: r.Resource, Subresource: r.Subresource, Name: r.Name, Namespace: r.Namespace,
	}, nil
}

// what it is about, as kubectl writes it.
func (r Right) what() string {
	if r.Path != "" {
		return r.Path
	}
	text := r.Resource
	if r.Group != "" {
		text += "." + r.Group
	}
	if r.Subresource != "" {
		text += "/" + r.Subresource
	}
	if r.Name != "" {
		text += " " + r.Name
	}
	if r.Namespace != "" {
		text += " in " + r.Namespace
	}
	return text
}

// The roles of config/rbac that only some installations need, and the one that is a setting.
const (
	roleSigner   = "rollcall-signer-csr"
	roleAudit    = "rollcall-audit"
	roleBindable = "rollcall-bindable-roles"

	// expectedNamespace is the operator's in config.
	expectedNamespace = "rollcall-system"
)

// need is a role whose rights the operator needs.
type need struct {
	name   string
	rights []Right
}

// needs are the roles that config/rbac binds to the operator, by name, with all that is in them.
func (want *Expected) needs(namespace string) []need {
	byName := map[string][]Right{}
	for i := range want.RoleBindings {
		b := &want.RoleBindings[i]
		bound := slices.ContainsFunc(b.Subjects, func(s rbacv1.Subject) bool { return s.Kind == rbacv1.ServiceAccountKind })
		if !bound || b.RoleRef.Name == roleBindable {
			continue
		}
		for j := range want.Roles {
			if r := &want.Roles[j]; r.Name == b.RoleRef.Name && r.Namespace == b.Namespace {
				byName[r.Name] = append(byName[r.Name], rightsOf(r, namespace)...)
			}
		}
	}
	found := make([]need, 0, len(byName))
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		found = append(found, need{name, byName[name]})
	}
	return found
}

func rightsOf(r *rbacv1.Role, namespace string) (rights []Right) {
	where := r.Namespace
	if where == expectedNamespace {
		where = namespace
	}
	for _, rule := range r.Rules {
		for _, verb := range rule.Verbs {
			for _, path := range rule.NonResourceURLs {
				rights = append(rights, Right{Verb: verb, Path: path})
			}
			for _, group := range rule.APIGroups {
				for _, resource := range rule.Resources {
					name, subresource, _ := strings.Cut(resource, "/")
					one := Right{Verb: verb, Group: group, Resource: name, Subresource: subresource, Namespace: where}
					rights = append(rights, named(one, rule.ResourceNames)...)
				}
			}
		}
	}
	return rights
}

func named(r Right, names []string) []Right {
	if len(names) == 0 {
		return []Right{r}
	}
	rights := make([]Right, len(names))
	for i, name := range names {
		rights[i] = r
		rights[i].Name = name
	}
	return rights
}

// surplus are what no operator should be able to do, by what they would come to. Names that are empty stand for all.
func surplus() []excessive {
	const rbac, authentication, certificates = rbacv1.GroupName, "authentication.k8s.io", "certificates.k8s.io"
	return []excessive{
		{"do everything (cluster-admin)", []Right{{Verb: "*", Group: "*", Resource: "*"}}},
		{"give itself any right (escalate)", []Right{
			{Verb: "escalate", Group: rbac, Resource: "clusterroles"}, {Verb: "escalate", Group: rbac, Resource: "roles"},
		}},
		{"bind cluster-admin", []Right{{Verb: "bind", Group: rbac, Resource: "clusterroles", Name: "cluster-admin"}}},
		{"bind any role (bind)", []Right{
			{Verb: "bind", Group: rbac, Resource: "clusterroles"}, {Verb: "bind", Group: rbac, Resource: "roles"},
		}},
		{"be anybody (impersonate users)", []Right{{Verb: "impersonate", Resource: "users"}}},
		{"be in any group (impersonate groups)", []Right{{Verb: "impersonate", Resource: "groups"}}},
		{"be any ServiceAccount (impersonate serviceaccounts)", []Right{{Verb: "impersonate", Resource: "serviceaccounts"}}},
		{"say who it is beside its name (impersonate uids, userextras)", []Right{
			{Verb: "impersonate", Group: authentication, Resource: "uids"},
			{Verb: "impersonate", Group: authentication, Resource: "userextras", Subresource: "scopes"},
		}},
		{"get tokens of all ServiceAccounts (create serviceaccounts/token)", []Right{
			{Verb: "create", Resource: "serviceaccounts", Subresource: "token"},
		}},
		{"read all Secrets", []Right{
			{Verb: "get", Resource: "secrets"}, {Verb: "list", Resource: "secrets"}, {Verb: "watch", Resource: "secrets"},
		}},
		{"approve certificates of others (approve signers)", []Right{
			{Verb: "approve", Group: certificates, Resource: "signers"},
			{Verb: "approve", Group: certificates, Resource: "signers", Name: "kubernetes.io/kubelet-serving"},
			{Verb: "approve", Group: certificates, Resource: "signers", Name: "kubernetes.io/kube-apiserver-client-kubelet"},
		}},
	}
}

// excessive is what rights come to.
type excessive struct {
	so     string
	rights []Right
}

// Rights are all that it has to be asked about, each once.
func (want *Expected) Rights(namespace string) []Right {
	all := map[Right]bool{}
	for _, need := range want.needs(namespace) {
		for _, right := range need.rights {
			all[right] = true
		}
	}
	for _, s := range surplus() {
		for _, right := range s.rights {
			all[right] = true
		}
	}
	return slices.SortedFunc(maps.Keys(all), func(a, b Right) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
}

func rights(f *Facts, want *Expected) []Check {
	if f.Allowed.Err != nil {
		c := unread("rights", "what others may do (create subjectaccessreviews.authorization.k8s.io)", f.Allowed.Err)
		if c.State == Skipped {
			c.Do = "Ask somebody who may: cluster-admin may, and whoever has the ClusterRole system:auth-delegator."
		}
		return []Check{c}
	}
	who := f.Namespace + "/" + f.ServiceAccount
	c := Check{State: OK, About: "rights", Found: fmt.Sprintf("ServiceAccount %s may do all that it has to", who)}
	var lacks, files []string
	for _, need := range want.needs(f.Namespace) {
		missing := lacking(f, need.rights)
		if len(missing) == 0 {
			continue
		}
		state, when := f.needed(need.name)
		if state == OK {
			continue
		}
		c.State = worse(c.State, state)
		files = append(files, need.files(f)...)
		if len(missing) == len(lacking(&Facts{}, need.rights)) {
			lacks = append(lacks, fmt.Sprintf("it has nothing of %s%s", need.name, when))
			continue
		}
		lacks = append(lacks, fmt.Sprintf("of %s%s it may not %s", need.name, when, outcome.Bounded(missing)))
	}
	if len(lacks) > 0 {
		c.Found = fmt.Sprintf("ServiceAccount %s: %s", who, strings.Join(lacks, "; "))
		c.Do = "Install these roles and their bindings anew. If it runs as another, name that by --operator-service-account."
		c.Run, c.See = f.granted(files)
	}
	return []Check{c, excess(f, who)}
}

// granted is how to install roles, and what says more. Not all of config/rbac: what roles may be bound is a setting. In another namespace,
// or as another ServiceAccount, the files are not right as they are.
func (f *Facts) granted(files []string) (run []string, see string) {
	const why, how = "docs/architecture.md#the-operators-rights", "docs/upgrade.md"
	if byHelm := f.upgraded(); byHelm != nil {
		return byHelm, why
	}
	if f.Namespace != expectedNamespace || f.ServiceAccount != DeploymentName {
		return nil, how
	}
	for _, file := range files {
		run = append(run, "kubectl apply --server-side -f config/rbac/"+file)
	}
	return run, why
}

// files of config/rbac that have what is missing.
func (n *need) files(f *Facts) []string {
	var found []string
	for _, right := range n.rights {
		if file := fileOf(n.name, right); !f.Allowed.Value[right] && !slices.Contains(found, file) {
			found = append(found, file)
		}
	}
	return found
}

// fileOf is where in config/rbac a role is that has a right.
func fileOf(role string, right Right) string {
	switch {
	case role == roleSigner:
		return "signer_csr.yaml"
	case role == roleAudit:
		return "audit.yaml"
	case right.Namespace != "":
		return "namespace_role.yaml"
	default:
		return "manager_role.yaml"
	}
}

// needed says what it comes to if a role is missing, and when it is needed.
func (f *Facts) needed(role string) (State, string) {
	i := f.Installation.Value
	switch role {
	case roleSigner:
		switch {
		case i == nil || i.Status.Signer == "":
			return Warning, " (needed with --signer=csr)"
		case i.Status.Signer != "CSR":
			return OK, ""
		}
	case roleAudit:
		if i == nil || i.Status.Audit == nil {
			return OK, ""
		}
	}
	return Failed, ""
}

// lacking are the rights that the operator has not, those to the same together.
func lacking(f *Facts, rights []Right) []string {
	var order []string
	verbs := map[string][]string{}
	for _, right := range rights {
		if f.Allowed.Value[right] {
			continue
		}
		what := right.what()
		if _, seen := verbs[what]; !seen {
			order = append(order, what)
		}
		verbs[what] = append(verbs[what], right.Verb)
	}
	texts := make([]string, len(order))
	for i, what := range order {
		texts[i] = strings.Join(verbs[what], ", ") + " " + what
	}
	return texts
}

func excess(f *Facts, who string) Check {
	c := Check{State: OK, About: "surplus"}
	all := surplus()
	none := make([]string, 0, len(all))
	var too []string
	for _, s := range all {
		none = append(none, s.so)
		if slices.ContainsFunc(s.rights, func(r Right) bool { return f.Allowed.Value[r] }) {
			too = append(too, s.so)
		}
	}
	if len(too) == 0 {
		c.Found = "it can do none of these: " + strings.Join(none, "; ")
		return c
	}
	c.State = Warning
	c.Found = fmt.Sprintf("ServiceAccount %s may do what it does not need: %s. Whoever has its token may, too", who, outcome.Bounded(too))
	c.Do = "Find the binding that gives it, and take the ServiceAccount out."
	c.Run = []string{"kubectl get clusterrolebindings -o wide | grep -F " + quoted(f.ServiceAccount)}
	c.See = "docs/architecture.md#the-operators-rights"
	return c
}
