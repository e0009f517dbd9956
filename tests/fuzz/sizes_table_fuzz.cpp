// Reading a size table: whatever the text is, one sentence, or a table that writes, reads back the same and makes reports.
#include <cstdint>
#include <cstdlib>
#include <string>

#include <nlohmann/json.hpp>

#include "traces/analysis.h"
#include "traces/size_compare.h"
#include "traces/size_rows.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
    using namespace coroscope::traces;
    const std::string_view text(reinterpret_cast<const char*>(data), bytes);
    SizeRows rows;
    const auto status = rows.add_table_text(text, "t.json");
    if (!status.ok()) {
        if (status.error().message.empty() || !rows.builds().empty()) std::abort();
        return 0;
    }
    const nlohmann::json table = rows.to_json();
    const std::string written = table.dump();
    SizeRows again;
    if (!again.add_table_text(written, "t.json").ok() || again.to_json().dump() != written) std::abort();
    if (sizes_text(table).empty() || to_text(compare_sizes(rows, again)).empty()) std::abort();
    rows.merge(again);
    (void)rows.to_json();
    return 0;
}
