// `coroscope export`: a trace in the format of another tool.
#include "traces/exports/export.h"
#include "app/cli/exit_codes.h"
#include "app/cli/words.h"

namespace coroscope::app {

int run_export(const ExportWish& wish) {
    exports::ExportRequest request;
    request.trace = wish.file;
    request.output = wish.output;
    request.format = *exports::find_format(wish.format);
    if (!wish.kind.empty()) request.kind = *exports::find_kind(wish.kind);
    request.at_ns = wish.at_ns;
    if (auto status = exports::export_trace(request); !status) return fail(status.error());
    return kExitGood;
}

}  // namespace coroscope::app
