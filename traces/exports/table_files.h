// The tables of a trace (tables.h) in files.
//
//   csv      a folder, TABLE.csv each: RFC 4180, a line of column names first, lines end in CR LF, a missing value is an empty field
//   json     one object: {"TABLE": [{"COLUMN": value, ...}, ...], ...}; all columns in each row, a missing value is null
//   sqlite   one STRICT table each, indices by coroutine and time, and the view `by_site`; the meanings of columns are comments in the schema
//            (sqlite3 FILE .schema)
//
// Thread: one at a time. Blocks: walks the trace, writes. Tested in tests/e2e/export_test.py.
#pragma once

#include <string>

#include "traces/analyses/trace_walk.h"
#include "traces/exports/output_file.h"

namespace coroscope::exports {

// `folder` is made when it is not there; files of the same names in it are replaced. Errors: kIo.
base::Status write_csv(analyses::TraceWalk& walk, const std::string& folder);
base::Status write_json(analyses::TraceWalk& walk, OutputFile& output);
// Replaces what is at `path`. Errors: kIo.
base::Status write_sqlite(analyses::TraceWalk& walk, const std::string& path);

}  // namespace coroscope::exports
