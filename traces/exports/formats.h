// The writers, one a format. What each format is for stands in export.h; each returns when everything is in its place.
//
// Thread: one at a time. Blocks: walks the trace, writes.
#pragma once

#include "traces/analyses/trace_walk.h"
#include "traces/exports/export.h"
#include "traces/exports/output_file.h"

namespace coroscope::exports {

void write_perfetto(analyses::TraceWalk& walk, OutputFile& output);
void write_chrome(analyses::TraceWalk& walk, OutputFile& output);
void write_go_trace(analyses::TraceWalk& walk, OutputFile& output);

}  // namespace coroscope::exports
