// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/usage"
)

// Page is what a reviewer reads: everything sorted, and everything decided. Texts are as somebody wrote them; Render makes them plain.
type Page struct {
	Cluster string `json:"cluster,omitempty"`
	By      string `json:"by,omitempty"`
	// Made is when the cluster was read, and Since from when on is told what people did.
	Made  metav1.Time `json:"made"`
	Since metav1.Time `json:"since"`
	Days  int         `json:"days"`
	// Coverage says how much is known of that time. Absent: nothing.
	Coverage *usage.Coverage `json:"coverage,omitempty"`

	Glance      Glance      `json:"glance"`
	Findings    []Finding   `json:"findings"`
	People      []Person    `json:"people"`
	Grants      []Grant     `json:"grants"`
	Requests    []Request   `json:"requests"`
	Sessions    []Session   `json:"sessions"`
	Locks       []Lock      `json:"locks"`
	Directories []Directory `json:"directories"`
	Picture     Picture     `json:"picture"`
	// Activity is absent where it is not known.
	Activity *Activity `json:"activity,omitempty"`
	Missing  []Missing `json:"missing,omitempty"`
}

// Glance are the numbers to begin with.
type Glance struct {
	// People are all Users; MayAct those of them who may act now.
	People int `json:"people"`
	MayAct int `json:"mayAct"`
	Grants int `json:"grants"`
	// Usage counts Grants by what is said of them.
	Usage map[v1alpha1.GrantUsage]int `json:"usage,omitempty"`
	// Requests that wait for an approval or a review, or give access now.
	Requests int `json:"requests"`
	Sessions int `json:"sessions"`
	Locks    int `json:"locks"`
	// Findings counts what was found, thing by thing, and Urgent those of them that should not wait.
	Findings int `json:"findings"`
	Urgent   int `json:"urgent"`
}

// Weight says how soon somebody should look at a finding.
type Weight string

const (
	// WeightUrgent should not wait.
	WeightUrgent Weight = "Urgent"
	// WeightReview is for this review.
	WeightReview Weight = "Review"
	// WeightTidy is good to do when there is time.
	WeightTidy Weight = "Tidy"
)

// Finding is something odd, and every thing that is odd in that way.
type Finding struct {
	// Kind is one of the constants in findings.go.
	Kind   string `json:"kind"`
	Weight Weight `json:"weight"`
	// Title says what is odd, Why why that matters, and Do what to do.
	Title string `json:"title"`
	Why   string `json:"why"`
	Do    string `json:"do"`
	Items []Item `json:"items"`
}

// Item is one thing that is odd.
type Item struct {
	// Kind and Name of the object, with its namespace if it has one.
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	Message   string `json:"message"`
}

// Person is a User.
type Person struct {
	Name        string `json:"name"`
	Username    string `json:"username,omitempty"`
	DisplayName string `json:"displayName,omitempty"`
	// Directory that knows them. Empty: declared in the cluster alone.
	Directory string `json:"directory,omitempty"`
	MayAct    bool   `json:"mayAct"`
	// State is the reason of the condition Active.
	State    string       `json:"state,omitempty"`
	LastSeen *metav1.Time `json:"lastSeen,omitempty"`
	// Sessions that go on.
	Sessions int `json:"sessions"`
	// Grants by which bindings give them something now.
	Grants []Held `json:"grants,omitempty"`
	// MayAsk are Grants that they could ask for.
	MayAsk []string `json:"mayAsk,omitempty"`
	// Unmanaged are bindings that no Grant made and that name them or a group of theirs.
	Unmanaged []string `json:"unmanaged,omitempty"`
	// Remarks are what answers has to say of them.
	Remarks []string `json:"remarks,omitempty"`
}

// Held is a Grant that gives somebody something.
type Held struct {
	Grant string              `json:"grant"`
	Usage v1alpha1.GrantUsage `json:"usage,omitempty"`
	// Request says that it was asked for.
	Request bool `json:"request,omitempty"`
}

// Grant is a Grant.
type Grant struct {
	Name  string              `json:"name"`
	Role  string              `json:"role"`
	Scope v1alpha1.GrantScope `json:"scope"`
	// Where it holds, in words.
	Where string `json:"where"`
	// Powers are what makes the role a powerful one.
	Powers    []string `json:"powers,omitempty"`
	OnRequest bool     `json:"onRequest,omitempty"`
	Subjects  []string `json:"subjects"`
	// Reaches counts the people whom it gives that to, or who may ask for it, and who may act.
	Reaches int                 `json:"reaches"`
	Window  v1alpha1.Window     `json:"window,omitempty"`
	Expires *metav1.Time        `json:"expires,omitempty"`
	Last    *metav1.Time        `json:"last,omitempty"`
	Usage   v1alpha1.GrantUsage `json:"usage,omitempty"`
	Message string              `json:"message,omitempty"`
	Reason  string              `json:"reason,omitempty"`
	// Requests and People count what was done by it; both are about the time that is looked at.
	Requests int64 `json:"requests"`
	People   int   `json:"people"`
}

// Request is an AccessRequest.
type Request struct {
	Name      string       `json:"name"`
	Who       string       `json:"who"`
	Grant     string       `json:"grant"`
	Reason    string       `json:"reason,omitempty"`
	Ticket    string       `json:"ticket,omitempty"`
	Approvers []string     `json:"approvers,omitempty"`
	Asked     metav1.Time  `json:"asked"`
	From      *metav1.Time `json:"from,omitempty"`
	To        *metav1.Time `json:"to,omitempty"`
	// State is why it ended, or what it is now.
	State string `json:"state"`
	Open  bool   `json:"open,omitempty"`
	// Review is the reason of the condition Reviewed, where the Grant asks for approval after use.
	Review string `json:"review,omitempty"`
}

// Session is one that goes on.
type Session struct {
	Name     string       `json:"name"`
	User     string       `json:"user"`
	Username string       `json:"username"`
	Device   string       `json:"device,omitempty"`
	Method   string       `json:"method"`
	Custody  string       `json:"custody"`
	Began    metav1.Time  `json:"began"`
	Until    *metav1.Time `json:"until,omitempty"`
	LastSeen *metav1.Time `json:"lastSeen,omitempty"`
}

// Lock is one in force.
type Lock struct {
	Name    string       `json:"name"`
	Target  string       `json:"target"`
	Reason  string       `json:"reason,omitempty"`
	Since   metav1.Time  `json:"since"`
	Expires *metav1.Time `json:"expires,omitempty"`
}

// Directory is where people come from.
type Directory struct {
	Name string `json:"name"`
	// Ready says whether what is here is what the directory says; Reason and Message are those of the condition.
	Ready   bool         `json:"ready"`
	Reason  string       `json:"reason,omitempty"`
	Message string       `json:"message,omitempty"`
	People  int          `json:"people"`
	Read    *metav1.Time `json:"read,omitempty"`
}

// Picture is of who gets what through what.
type Picture struct {
	svg string
	// Grants that are drawn, and those that there is no room for.
	Drawn []string `json:"drawn,omitempty"`
	Left  []string `json:"left,omitempty"`
}

// Activity is what people did, day by day.
type Activity struct {
	Days []Day `json:"days"`
	// People who did most come first; only those of the strips.
	People []Strip `json:"people"`
	// More counts the others who did something.
	More int `json:"more,omitempty"`
}

// Day is what all did on one day.
type Day struct {
	// Day in UTC, for instance 2026-11-27.
	Day       string `json:"day"`
	Allowed   int64  `json:"allowed"`
	Forbidden int64  `json:"forbidden"`
	// Gap says that not all is known of this day.
	Gap bool `json:"gap,omitempty"`
}

// Strip is what one person did, day by day, as many days as there are.
type Strip struct {
	Username string `json:"username"`
	// Name of the User; empty where there is none of that username.
	Name      string  `json:"name,omitempty"`
	Requests  []int64 `json:"requests"`
	Forbidden []int64 `json:"forbidden"`
}
