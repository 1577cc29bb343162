// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/rollcall-iam/rollcall/config"
	"github.com/rollcall-iam/rollcall/internal/doctor"
	"github.com/rollcall-iam/rollcall/internal/plain"
)

// doctorFlags are those of commands that look at an installation.
type doctorFlags struct{ namespace, serviceAccount string }

func (f *doctorFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.namespace, "operator-namespace", "",
		"the operator's namespace; default: that of the ServiceAccount that rollcall-manager is bound to, else rollcall-system")
	flags.StringVar(&f.serviceAccount, "operator-service-account", "",
		"the operator's ServiceAccount; default: the one that rollcall-manager is bound to, else rollcall-controller-manager")
}

func (t *tool) newDoctorCommand() *cobra.Command {
	var flags doctorFlags
	command := &cobra.Command{
		Use:   "doctor",
		Short: "Look whether everything works, and say what to do where it does not",
		Long: `Look at an installation, and say of each part of it whether it works, and what to do where it does not: the cluster, kinds,
policies, the operator and its rights, the signer, directories, clocks, audit, logins, people. Nothing is changed, and no Secret is
read. What you may not read is skipped, and said to be.

  ok       as it should be
  note     a choice, or what nothing depends on
  skipped  not looked at, and why
  warning  somebody should look at it
  failed   does not work

It ends with code 1 where something failed (warnings do not count), or where the API server does not answer, and with 0 otherwise.
What each check means: docs/troubleshooting.md.`,
		Example: `  kubectl rollcall doctor

  # Only what is not as it should be, for a program
  kubectl rollcall doctor -o json | jq '.checks[] | select(.state == "failed" or .state == "warning")'

  # An operator elsewhere
  kubectl rollcall doctor --operator-namespace iam`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(command *cobra.Command, _ []string) error { return t.doctor(command.Context(), &flags) },
	}
	flags.add(command.Flags())
	return command
}

func (t *tool) doctor(ctx context.Context, flags *doctorFlags) error {
	report, err := t.examine(ctx, flags)
	if err != nil {
		return err
	}
	if t.structured() {
		err = t.print(report, nil)
	} else {
		err = t.write(doctorPage(report, t.columns(), t.painted))
	}
	if failures := report.Failures(); err == nil && failures > 0 {
		return fmt.Errorf("%d of %d checks failed", failures, len(report.Checks))
	}
	return err
}

// examine looks at all there is to be looked at, and judges it.
func (t *tool) examine(ctx context.Context, flags *doctorFlags) (*doctor.Report, error) {
	const limit = time.Minute
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	objects, err := config.Read()
	if err != nil {
		return nil, err
	}
	want := doctor.Expected(*objects)
	facts, err := t.facts(ctx, flags, &want)
	if err != nil {
		return nil, err
	}
	return doctor.Examine(facts, &want), nil
}

// columns of the terminal; 0 where there is none, and lines are as long as they are.
func (t *tool) columns() int {
	if !t.onTerminal() {
		return 0
	}
	file, ok := t.streams.Out.(*os.File)
	if !ok {
		return 0
	}
	columns, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return columns
}

// painted gives a state its colour, or leaves it.
func (t *tool) painted(state doctor.State, text string) string {
	colours := map[doctor.State]string{
		doctor.OK: green, doctor.Note: cyan, doctor.Skipped: dim, doctor.Warning: yellow, doctor.Failed: bold + red,
	}
	if !t.colour() {
		return text
	}
	return colours[state] + text + normal
}

// doctorPage writes a report for people: a line for each check, and below it what to do.
func doctorPage(r *doctor.Report, columns int, paint func(doctor.State, string) string) string {
	var page strings.Builder
	wide := 0
	for i := range r.Checks {
		wide = max(wide, plain.Width(plain.Line(r.Checks[i].About)))
	}
	const gap, state = 2, 7
	margin := state + gap + wide + gap
	for i := range r.Checks {
		c := &r.Checks[i]
		about := plain.Line(c.About)
		page.WriteString(paint(c.State, fmt.Sprintf("%-*s", state+gap, c.State)))
		page.WriteString(about + strings.Repeat(" ", wide-plain.Width(about)+gap))
		page.WriteString(hanging(plain.Line(c.Found), margin, columns) + "\n")
		below := func(text string) { page.WriteString(strings.Repeat(" ", margin) + text + "\n") }
		if c.Do != "" && c.State != doctor.Skipped { // What would let them be looked at is the same for many: it is said once.
			below("-> " + hanging(plain.Line(c.Do), margin+len("-> "), columns))
		}
		for _, command := range c.Run {
			below("   " + plain.Line(command)) // In one piece, to be copied.
		}
		if c.See != "" {
			below("   see " + c.See)
		}
	}
	page.WriteString("\n")
	for _, text := range skips(r) {
		page.WriteString(hanging(text, 0, columns) + "\n")
	}
	page.WriteString(verdict(r) + "\n")
	return page.String()
}

// skips are how what was skipped could be looked at.
func skips(r *doctor.Report) []string {
	var texts []string
	for i := range r.Checks {
		if c := &r.Checks[i]; c.State == doctor.Skipped && c.Do != "" {
			texts = append(texts, "What was skipped: "+plain.Line(c.Do))
		}
	}
	slices.Sort(texts)
	return slices.Compact(texts)
}

// verdict sums up.
func verdict(r *doctor.Report) string {
	var counts []string
	for _, state := range doctor.States() {
		if n := r.Counts[state]; n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, state))
		}
	}
	said := "Everything works."
	switch {
	case r.Counts[doctor.Failed] > 0:
		said = "Something does not work: begin with what failed first, others may follow from it."
	case r.Counts[doctor.Warning] > 0:
		said = "It works, and somebody should look at the warnings."
	case r.Counts[doctor.Skipped] > 0:
		said = "What was looked at works."
	}
	return said + " (" + strings.Join(counts, ", ") + ")"
}

// hanging breaks text into lines that fit, of which all but the first have a margin. Without columns, and where there is hardly room
// beside the margin, it stays one.
func hanging(text string, margin, columns int) string {
	const least = 20
	room := columns - margin
	if room < least {
		return text
	}
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case plain.Width(line)+1+plain.Width(word) <= room:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	return strings.Join(append(lines, line), "\n"+strings.Repeat(" ", margin))
}
