// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rollcall-iam/rollcall/internal/ledger"
)

// ledgerFlags say by what a copy of the ledger is read.
type ledgerFlags struct {
	key, keyFile string
}

func (f *ledgerFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.key, "key", "", "the ledger's key, as ConfigMap rollcall-ledger has it: NAME+ID+BASE64")
	flags.StringVar(&f.keyFile, "key-file", "", "file with that key")
}

// read is the key. Whoever proves something by one has to have it from somewhere else than from what is proved.
func (f *ledgerFlags) read() (string, error) {
	if (f.key == "") == (f.keyFile == "") {
		return "", errors.New("say by which key: --key or --key-file, which you had from the operator when you still believed it " +
			"(kubectl get configmap rollcall-ledger -n rollcall-system -o jsonpath='{.data.key}')")
	}
	key := f.key
	if f.keyFile != "" {
		content, err := os.ReadFile(f.keyFile)
		if err != nil {
			return "", err
		}
		key = string(content)
	}
	return strings.TrimSpace(key), nil
}

// open reads a copy.
func (f *ledgerFlags) open(dir string) (*ledger.Copy, error) {
	key, err := f.read()
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("%s is no folder with a copy of a ledger: see kubectl rollcall ledger copy --help", dir)
	}
	return ledger.NewCopy(os.DirFS(dir), key)
}

func (t *tool) newLedgerCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "ledger",
		Short: "Copy, verify and read the ledger of what happened to identities and access",
		Long: `Copy, verify and read the ledger: what happened to identities and access, and the digests of the events of audit logs. It is
append-only, and signed: by its key, and a checkpoint that was kept, anybody finds out whether something of it was changed or left out
since. Only copy needs the cluster.`,
		Example: `  kubectl rollcall ledger copy ./ledger
  kubectl rollcall ledger verify ./ledger --key-file ledger.key --checkpoint kept.checkpoint
  kubectl rollcall ledger tail ./ledger --key-file ledger.key
  kubectl rollcall ledger prove ./ledger 812 --key-file ledger.key`,
	}
	command.AddCommand(t.newLedgerCopyCommand(), t.newLedgerVerifyCommand(), t.newLedgerTailCommand(), t.newLedgerProveCommand())
	return command
}

func (t *tool) newLedgerVerifyCommand() *cobra.Command {
	var (
		flags ledgerFlags
		kept  []string
	)
	command := &cobra.Command{
		Use:   "verify DIR",
		Short: "Find out whether a copy of the ledger is as it was written",
		Long: `Find out whether a copy of the ledger is as it was written: every entry against the tree that is kept beside it and the root
that was signed, and checkpoints that somebody kept against what is there now. It says which entry, or which file, is wrong, and fails if
anything is.

Without a checkpoint from elsewhere nobody can tell a ledger that was cut short from one that has not grown: ConfigMap rollcall-ledger
has the newest one, --ledger-checkpoints of the operator all of them; keep them where whoever could change the ledger cannot.`,
		Example: `  kubectl rollcall ledger verify ./ledger --key-file ledger.key
  kubectl rollcall ledger verify ./ledger --key-file ledger.key --checkpoint monday.txt --checkpoint tuesday.txt`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			opened, err := flags.open(args[0])
			if err != nil {
				return err
			}
			return t.verifyLedger(opened, kept)
		},
	}
	flags.add(command.Flags())
	command.Flags().StringArrayVar(&kept, "checkpoint", nil, "file with checkpoints that were kept; may be given several times")
	return command
}

// errWrong says that something was found; what that is was printed.
var errWrong = errors.New("the ledger is not as it was written")

func (t *tool) verifyLedger(opened *ledger.Copy, files []string) error {
	var kept [][]byte
	for _, file := range files {
		content, err := os.ReadFile(file) //nolint:gosec // Whoever runs this says which file.
		if err != nil {
			return err
		}
		kept = append(kept, ledger.Checkpoints(content)...)
	}
	report, err := opened.Verify(kept...)
	if err != nil {
		return err
	}
	if err := t.print(report, func(w *tableWriter) { reportRows(w, report) }); err != nil {
		return err
	}
	if len(report.Problems) > 0 {
		return errWrong
	}
	return nil
}

func reportRows(w *tableWriter, report *ledger.Report) {
	if len(report.Problems) == 0 {
		w.Row(fmt.Sprintf("%s: %d entries, each as it was written; root %x", report.Origin, report.Size, report.Root))
		if count := len(report.Ignored); count > 0 {
			w.Row(fmt.Sprintf("Files that are none of a ledger's: %d, for instance %s", count, report.Ignored[0]))
		}
		for _, size := range report.Kept {
			w.Row(fmt.Sprintf("It has grown out of the one that a checkpoint of %d entries was kept of.", size))
		}
		return
	}
	w.Row("place", "what is wrong")
	for _, problem := range report.Problems {
		w.Row(problem.Place, problem.Message)
	}
}

func (t *tool) newLedgerTailCommand() *cobra.Command {
	var flags ledgerFlags
	last, whom := uint64(20), "" //nolint:mnd // The default.
	command := &cobra.Command{
		Use:   "tail DIR",
		Short: "List the last entries of a copy of the ledger",
		Example: `  kubectl rollcall ledger tail ./ledger --key-file ledger.key
  kubectl rollcall ledger tail ./ledger --key-file ledger.key --last 1000 --whom corp:alice -o json`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			opened, err := flags.open(args[0])
			if err != nil {
				return err
			}
			return t.tailLedger(opened, last, whom)
		},
	}
	flags.add(command.Flags())
	command.Flags().Uint64Var(&last, "last", last, "how many entries are looked at")
	command.Flags().StringVar(&whom, "whom", "", "only those about this username, or by it")
	return command
}

// numbered is an entry with its number.
type numbered struct {
	Number uint64 `json:"number"`
	ledger.Entry
}

func (t *tool) tailLedger(opened *ledger.Copy, last uint64, whom string) error {
	report, err := opened.Verify()
	if err != nil {
		return err
	}
	if len(report.Problems) > 0 {
		return fmt.Errorf("%w: %s %s; see kubectl rollcall ledger verify", errWrong, report.Problems[0].Place, report.Problems[0].Message)
	}
	at, err := opened.Checkpoint()
	if err != nil {
		return err
	}
	entries := []numbered{}
	err = opened.Entries(at.Size-min(last, at.Size), at, func(number uint64, raw []byte) error {
		e := numbered{Number: number}
		if err := json.Unmarshal(raw, &e.Entry); err != nil {
			return fmt.Errorf("entry %d is none: %w", number, err)
		}
		if whom == "" || e.Whom == whom || e.Who == whom {
			entries = append(entries, e)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return t.print(entries, func(w *tableWriter) { entryRows(w, entries, t.output == outputWide) })
}

func entryRows(w *tableWriter, entries []numbered, wide bool) {
	header := []string{"entry", "time", "what", "whom", "object", "by", "why"}
	if wide {
		header = append(header, "after")
	}
	w.Row(header...)
	for i := range entries {
		e := &entries[i]
		row := []string{fmt.Sprint(e.Number), stamp(e.Time), string(e.Kind), dash(e.Whom), objectOf(e), dash(e.Who), dash(e.Why)}
		if wide {
			row = append(row, dash(string(e.After)))
		}
		w.Row(row...)
	}
}

func objectOf(e *numbered) string {
	if e.Object == nil {
		return "-"
	}
	return e.Object.Kind + " " + strings.TrimPrefix(e.Object.Namespace+"/"+e.Object.Name, "/")
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func (t *tool) newLedgerProveCommand() *cobra.Command {
	var flags ledgerFlags
	command := &cobra.Command{
		Use:   "prove DIR ENTRY",
		Short: "Show that an entry is in the ledger, to whoever has its key alone",
		Long: `Show that an entry is in the ledger: its inclusion proof and the signed checkpoint that it leads to (c2sp.org/tlog-proof), or
with -o json the entry, too. Nobody needs the ledger to check it, nor sees anything else of it.`,
		Example: `  kubectl rollcall ledger prove ./ledger 812 --key-file ledger.key > 812.proof`,
		Args:    cobra.ExactArgs(2), //nolint:mnd // A folder, and a number.
		RunE: func(command *cobra.Command, args []string) error {
			opened, err := flags.open(args[0])
			if err != nil {
				return err
			}
			var number uint64
			if _, err := fmt.Sscan(args[1], &number); err != nil {
				return fmt.Errorf("%q is no number of an entry", args[1])
			}
			return t.proveEntry(command.Context(), opened, number)
		},
	}
	flags.add(command.Flags())
	return command
}

func (t *tool) proveEntry(ctx context.Context, opened *ledger.Copy, number uint64) error {
	proof, err := opened.Prove(ctx, number)
	if err != nil {
		return err
	}
	if t.structured() {
		return t.print(proof, nil)
	}
	return t.write(string(proof.Text()))
}
