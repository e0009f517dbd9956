// What the words that open no window do. Each returns the exit code, prints its answer to stdout and what went wrong, in one sentence, to
// stderr.
//
// Thread: the main thread. Blocks: until the answer is printed (record: until the recorded program has ended). Tested by tests/e2e.
#pragma once

#include "app/cli/command_line.h"

namespace coroscope::app {

int run_record(const RecordWish& wish);
int run_compact(const CompactWish& wish);
int run_ls(const LsWish& wish);
int run_look(const LookWish& wish);
int run_ctl(const CtlWish& wish);
int run_break(const CtlWish& wish);
int run_analyze(const AnalyzeWish& wish);
int run_sizes(const SizesWish& wish);
int run_profile(const ProfileWish& wish);
int run_compare(const CompareWish& wish);
int run_export(const ExportWish& wish);
int run_query(const QueryWish& wish);
int run_lints(const LintsWish& wish);
int run_top(const TopWish& wish);
int run_doctor(const DoctorWish& wish);

// Prints a mistake in a rule to stderr, its three lines as they are; returns the exit code.
int fail_rule(const base::Error& error);

// Reads the line, does what it says. Never throws.
int run_command_line(int argc, char** argv);

}  // namespace coroscope::app
