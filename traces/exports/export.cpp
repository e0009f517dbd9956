// See export.h: from a request to the writer of its format.
#include "traces/exports/export.h"

#include <algorithm>

#include "traces/analyses/trace_walk.h"
#include "traces/analysis.h"
#include "traces/exports/formats.h"
#include "traces/exports/output_file.h"
#include "traces/exports/stack_files.h"
#include "traces/exports/table_files.h"

namespace coroscope::exports {
namespace {

template <typename Enum, typename Names>
std::optional<Enum> find_name(const Names& names, const std::string& name) {
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) return std::nullopt;
    return static_cast<Enum>(found - names.begin());
}

base::Status write_dot(const analyses::TraceWalk& walk, const ExportRequest& request, OutputFile& output) {
    auto moment = walk.replay().moment_at(request.at_ns.value_or(walk.replay().populated()));
    if (!moment) return moment.error();
    output.write(traces::to_dot(traces::compute_waits(**moment)));
    return output.finish();
}

base::Status write_stacks(analyses::TraceWalk& walk, const ExportRequest& request, OutputFile& output) {
    StackProfileWish wish;
    wish.kind = request.kind;
    wish.at_ns = request.at_ns;
    auto profile = make_stack_profile(walk, wish);
    if (!profile) return profile.error();
    if (request.format == Format::kPprof) write_pprof(*profile, walk.reader(), output);
    if (request.format == Format::kSpeedscope)
        write_speedscope(*profile, walk.reader().meta().program, output);
    if (request.format == Format::kFolded) write_folded(*profile, output);
    return output.finish();
}

}  // namespace

std::optional<Format> find_format(const std::string& name) {
    return find_name<Format>(kFormatNames, name);
}
std::optional<Kind> find_kind(const std::string& name) {
    return find_name<Kind>(kKindNames, name);
}

bool is_by_stack(Format format) {
    return format == Format::kPprof || format == Format::kSpeedscope || format == Format::kFolded;
}

bool can_stream(Format format) {
    return format != Format::kCsv && format != Format::kSqlite;
}

base::Status export_trace(const ExportRequest& request) {
    auto walk = analyses::TraceWalk::open(request.trace);
    if (!walk) return walk.error();
    if (request.format == Format::kCsv) return write_csv(**walk, request.output);
    if (request.format == Format::kSqlite) return write_sqlite(**walk, request.output);
    auto output = OutputFile::create(request.output);
    if (!output) return output.error();
    switch (request.format) {
        case Format::kPerfetto:
            write_perfetto(**walk, *output);
            break;
        case Format::kChrome:
            write_chrome(**walk, *output);
            break;
        case Format::kGo:
            write_go_trace(**walk, *output);
            break;
        case Format::kJson:
            return write_json(**walk, *output);
        case Format::kDot:
            return write_dot(**walk, request, *output);
        case Format::kPprof:
        case Format::kSpeedscope:
        case Format::kFolded:
            return write_stacks(**walk, request, *output);
        case Format::kCsv:
        case Format::kSqlite:
            break;  // above
    }
    return output->finish();
}

}  // namespace coroscope::exports
