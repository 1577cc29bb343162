// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/utils/ptr"

	"github.com/rollcall-iam/rollcall/internal/outcome"
)

// policies says whether the API server keeps people within their own rights.
func policies(f *Facts, want *Expected) Check {
	const about = "policies"
	if err := cmp.Or(f.Policies.Err, f.PolicyBindings.Err); err != nil {
		return unread(about, "validatingadmissionpolicies and their bindings", err)
	}
	j := judgement{}
	for i := range want.Policies {
		wanted := &want.Policies[i]
		at := slices.IndexFunc(f.Policies.Value, func(p admissionv1.ValidatingAdmissionPolicy) bool { return p.Name == wanted.Name })
		if at < 0 {
			j.absent = append(j.absent, wanted.Name)
			continue
		}
		j.policy(&f.Policies.Value[at], wanted)
		j.binding(wanted.Name, f.PolicyBindings.Value)
	}
	c := j.check(about, len(want.Policies))
	if c.State != OK {
		c.Run, c.See = f.installed("policies"), "docs/architecture.md#what-people-may-do-through-it"
	}
	return c
}

// judgement gathers what is wrong with policies, by their names.
type judgement struct{ absent, idle, mistyped, hollow, other, narrowed []string }

func (j *judgement) policy(live, wanted *admissionv1.ValidatingAdmissionPolicy) {
	if t := live.Status.TypeChecking; t != nil && len(t.ExpressionWarnings) > 0 {
		first := t.ExpressionWarnings[0]
		warning, _, _ := strings.Cut(strings.TrimSpace(first.Warning), "\n")
		j.mistyped = append(j.mistyped, fmt.Sprintf("%s (%s: %s)", wanted.Name, first.FieldRef, warning))
	}
	if spared := spares(live, wanted); len(spared) > 0 {
		j.hollow = append(j.hollow, fmt.Sprintf("%s (%s)", wanted.Name, strings.Join(spared, ", ")))
	} else if !equality.Semantic.DeepEqual(essence(live), essence(wanted)) {
		j.other = append(j.other, wanted.Name)
	}
}

// essence is what of a policy the API server does not fill in.
func essence(p *admissionv1.ValidatingAdmissionPolicy) *admissionv1.ValidatingAdmissionPolicySpec {
	spec := p.Spec.DeepCopy()
	e := &admissionv1.ValidatingAdmissionPolicySpec{
		FailurePolicy: spec.FailurePolicy, MatchConditions: spec.MatchConditions, Variables: spec.Variables, Validations: spec.Validations,
		MatchConstraints: &admissionv1.MatchResources{},
	}
	if e.FailurePolicy == nil {
		e.FailurePolicy = new(admissionv1.Fail)
	}
	for i := range e.MatchConditions {
		e.MatchConditions[i].Expression = flat(e.MatchConditions[i].Expression)
	}
	for i := range e.Variables {
		e.Variables[i].Expression = flat(e.Variables[i].Expression)
	}
	for i := range e.Validations {
		v := &e.Validations[i]
		v.Expression, v.MessageExpression = flat(v.Expression), flat(v.MessageExpression)
	}
	if m := spec.MatchConstraints; m != nil {
		for _, rule := range m.ResourceRules {
			rule.Scope = new(ptr.Deref(rule.Scope, admissionv1.AllScopes))
			e.MatchConstraints.ResourceRules = append(e.MatchConstraints.ResourceRules, rule)
		}
	}
	return e
}

// spares are the fields by which a policy lets through what the wanted one looks at.
func spares(live, wanted *admissionv1.ValidatingAdmissionPolicy) (fields []string) {
	got, want := admissionv1.MatchResources{}, admissionv1.MatchResources{}
	if m := live.Spec.MatchConstraints; m != nil {
		got = narrowing(m)
	}
	if m := wanted.Spec.MatchConstraints; m != nil {
		want = narrowing(m)
	}
	for _, field := range []struct {
		name      string
		got, want any
	}{
		{"matchConstraints.excludeResourceRules", got.ExcludeResourceRules, want.ExcludeResourceRules},
		{"matchConstraints.namespaceSelector", got.NamespaceSelector, want.NamespaceSelector},
		{"matchConstraints.objectSelector", got.ObjectSelector, want.ObjectSelector},
		{"matchConstraints.matchPolicy", got.MatchPolicy, want.MatchPolicy},
		{"paramKind", live.Spec.ParamKind, wanted.Spec.ParamKind},
	} {
		if !equality.Semantic.DeepEqual(field.got, field.want) {
			fields = append(fields, field.name)
		}
	}
	return fields
}

// flat is an expression with one space wherever there is any: parsers of YAML differ in what they make of its lines.
func flat(expression string) string { return strings.Join(strings.Fields(expression), " ") }

// binding looks whether a policy is bound everywhere, and denies.
func (j *judgement) binding(policy string, bindings []admissionv1.ValidatingAdmissionPolicyBinding) {
	denies, everywhere, whole := false, false, admissionv1.MatchResources{}
	for i := range bindings {
		b := &bindings[i].Spec
		if b.PolicyName != policy || !slices.Contains(b.ValidationActions, admissionv1.Deny) {
			continue
		}
		denies = true
		everywhere = everywhere || b.MatchResources == nil || equality.Semantic.DeepEqual(narrowing(b.MatchResources), whole)
	}
	switch {
	case !denies:
		j.idle = append(j.idle, policy)
	case !everywhere:
		j.narrowed = append(j.narrowed, policy)
	}
}

// narrowing is what of it leaves something out.
func narrowing(m *admissionv1.MatchResources) admissionv1.MatchResources {
	n := admissionv1.MatchResources{ResourceRules: m.ResourceRules, ExcludeResourceRules: m.ExcludeResourceRules}
	if s := m.NamespaceSelector; s != nil && len(s.MatchLabels)+len(s.MatchExpressions) > 0 {
		n.NamespaceSelector = s
	}
	if s := m.ObjectSelector; s != nil && len(s.MatchLabels)+len(s.MatchExpressions) > 0 {
		n.ObjectSelector = s
	}
	if ptr.Deref(m.MatchPolicy, admissionv1.Equivalent) != admissionv1.Equivalent {
		n.MatchPolicy = m.MatchPolicy
	}
	return n
}

func (j *judgement) check(about string, count int) Check {
	c := Check{State: OK, About: about, Found: fmt.Sprintf("all %d are in force, and as this plugin knows them", count)}
	var found []string
	say := func(what string, names []string, state State) {
		if len(names) > 0 {
			c.State = worse(c.State, state)
			found = append(found, what+": "+outcome.Bounded(names))
		}
	}
	say("missing", j.absent, Failed)
	say("not bound with Deny, and so without effect", j.idle, Failed)
	say("with expressions that do not fit the kinds", j.mistyped, Failed)
	say("letting through what they should look at", j.hollow, Failed)
	say("bound for a part of the objects only", j.narrowed, Warning)
	say("other than this plugin's (older, newer or changed)", j.other, Warning)
	if len(found) == 0 {
		return c
	}
	c.Found = strings.Join(found, "; ")
	c.Do = "Install them: without, whoever may write the kinds gets further by that than by their own rights."
	if len(j.mistyped) > 0 {
		c.Do = "Install kinds and policies of one version, the kinds first."
	}
	return c
}
