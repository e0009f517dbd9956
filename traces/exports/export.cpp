// See export.h: from a request to the writer of its format.
#include "traces/exports/export.h"

#include <algorithm>

#include "traces/analyses/trace_walk.h"
#include "traces/analysis.h"
#include "traces/exports/output_file.h"

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

}  // namespace

std::optional<Format> find_format(const std::string& name) {
    return find_name<Format>(kFormatNames, name);
}
std::optional<Kind> find_kind(const std::string& name) {
    return find_name<Kind>(kKindNames, name);
}

bool is_by_stack(Format) {
    return false;
}

bool can_stream(Format) {
    return true;
}

base::Status export_trace(const ExportRequest& request) {
    auto walk = analyses::TraceWalk::open(request.trace);
    if (!walk) return walk.error();
    auto output = OutputFile::create(request.output);
    if (!output) return output.error();
    return write_dot(**walk, request, *output);
}

}  // namespace coroscope::exports
