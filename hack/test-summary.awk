# Reads what go test -v and ginkgo's -ginkgo.v print. Prints a line per package, the output of what failed, and a summary:
# how many specs ran, which were skipped and why, which packages failed.

# A block is what stands between two of ginkgo's delimiters: one spec, or the end of a suite.
function end_block(show,    i) {
  for (i = 1; show && i <= lines; i++) print block[i]
  lines = show_block = in_skipped = 0
}

function end_package(verdict, remark,    count) {
  count = ran == 0 ? "" : ran " specs"
  if (skipped > 0) count = count (count == "" ? "" : ", ") skipped " skipped"
  printf "%-4s  %-64s  %-8s  %s\n", verdict, $2, remark, count
  fflush()
  packages++
  all_ran += ran
  ran = skipped = 0
}

function skip(name, reason) {
  skipped++
  skips[++all_skipped] = name (reason == "" ? "" : ": " reason)
}

/^------------------------------$/ { end_block(show_block); next }

/^\?[ \t]/ || /^PASS$/ || /^FAIL$/ { next }

/^ok[ \t]/ {
  end_block(show_block)
  end_package("ok", $3)
  next
}

/^FAIL[ \t]/ {
  end_block(1)
  failures[++failed] = $2
  end_package("FAIL", $3 " " $4)
  next
}

{ block[++lines] = $0 }

# Of a spec: "S [SKIPPED] [0.001 seconds]", its name with the kind of node in it, its place, "[SKIPPED] <reason>".
/^S \[SKIPPED\]/ { in_skipped = 1; next }
in_skipped == 1 { spec = $0; sub(/\[[A-Z][A-Za-z]*\] /, "", spec); in_skipped = 2; next }
in_skipped == 2 && /^ *\[SKIPPED\]/ { sub(/^ *\[SKIPPED\] */, ""); skip(spec, $0); in_skipped = 0; next }

# Of a plain test: the reason on the line before.
/^ *--- SKIP: / { test = $3; reason = block[lines - 1]; sub(/^ *[^ ]*: */, "", reason); skip(test, reason); next }

/^Ran [0-9]+ of [0-9]+ Specs/ { ran += $2 }

/^[^ ]* \[(FAILED|PANICKED|TIMEDOUT|INTERRUPTED|ABORTED)\]/ || /^Summarizing / || /^ *--- FAIL: / || /^panic: / {
  show_block = 1
}

END {
  end_block(1)
  printf "\n%d packages with tests, %d failed; %d specs ran, %d skipped\n", packages, failed, all_ran, all_skipped
  for (i = 1; i <= all_skipped; i++) print "  skipped: " skips[i]
  for (i = 1; i <= failed; i++) print "  FAILED:  " failures[i]
  exit (failed > 0)
}
