// Fixed buffers and write(2), as in the report of an overflow.
#include "runtime/learning/unheld_rows.h"

#include <cstdio>
#include <cstring>
#include <string_view>

#include "runtime/entry/runtime_state.h"
#include "runtime/learning/own_build.h"
#include "runtime/learning/table_file.h"
#include "runtime/stacks/say.h"

namespace cprime::detail {
namespace {

using wire::ClassEvidence;
using wire::SizeClass;

// What a row is about: the site, and the class that its coroutine had.
struct Concerned {
    std::uint32_t site = wire::kNone;  // kNone: no row can be wrong about it
    SizeClass size_class = SizeClass::kMedium;
    int file_bytes = 0;
    const char* file = "";
    std::uint32_t line = 0;
};

Concerned concerned_by(std::uint32_t index) {
    Concerned what;
    const std::uint8_t pool = record(index).pool;
    if (pool > kPoolLarge && pool != kPoolWide) return what;
    what.site = detail(index).site.load(std::memory_order_relaxed);
    if (what.site == wire::kNone) return what;
    what.size_class = static_cast<SizeClass>(class_of(pool));
    const wire::SiteRecord& place = g_runtime->sites.record(what.site);
    const std::string_view file = g_runtime->segment->string(place.file);
    what.file = file.data();
    what.file_bytes = static_cast<int>(file.size());
    what.line = place.line;
    return what;
}

// Says that the row did not hold, if there is one. `then`: what comes of it.
void say_row(const Concerned& what, const char* margin, std::uint64_t bytes, const char* then) {
    const TableChoice row = g_runtime->sites.row(what.site);
    if (row.evidence == ClassEvidence::kUnknown) return;
    char predicted[48] = "";
    if (const std::uint32_t known = g_runtime->sites.record(what.site).predicted_bytes; known != 0)
        std::snprintf(predicted, sizeof predicted, ", %u bytes", known);
    say("%sthe size table's row for %.*s:%u did not hold: it says %s (%s%s), and a stack in class %s wanted "
        "at "
        "least %llu bytes%s\n",
        margin, what.file_bytes, what.file, what.line,
        kPoolPlans[static_cast<std::size_t>(row.size_class)].name,
        row.evidence == ClassEvidence::kProven ? "proven" : "profiled", predicted,
        kPoolPlans[static_cast<std::size_t>(what.size_class)].name, static_cast<unsigned long long>(bytes),
        then);
}

// `text` with what JSON escapes; cut at the end of the buffer, whole escapes only.
void escape(std::string_view text, char* to, std::size_t bytes) {
    std::size_t used = 0;
    for (const char c : text) {
        char piece[8] = {c, '\0'};
        if (c == '"' || c == '\\') std::snprintf(piece, sizeof piece, "\\%c", c);
        if (static_cast<unsigned char>(c) < 0x20)
            std::snprintf(piece, sizeof piece, "\\u%04x", static_cast<unsigned>(c));
        const std::size_t length = std::strlen(piece);
        if (used + length + 1 > bytes) break;
        std::memcpy(to + used, piece, length);
        used += length;
    }
    to[used] = '\0';
}

bool leave_line(const Concerned& what, std::uint64_t bytes) {
    char file[2048];
    escape({what.file, static_cast<std::size_t>(what.file_bytes)}, file, sizeof file);
    char program[512];
    escape(own_build().program, program, sizeof program);
    char line[3072];
    const int length = std::snprintf(
        line, sizeof line, "{\"site\": \"%s:%u\", \"class\": \"%s\", \"bytes\": %llu, \"program\": \"%s\", \"build_id\": \"%s\"}\n", file, what.line,
        kPoolPlans[static_cast<std::size_t>(what.size_class)].name, static_cast<unsigned long long>(bytes), program,
        own_build().build_id.c_str());
    return append_wrong(g_runtime->wrong_file.c_str(), line, static_cast<std::size_t>(length));
}

}  // namespace

void note_unheld_growth(std::uint32_t index, std::uint64_t bytes) {
    const Concerned what = concerned_by(index);
    if (what.site == wire::kNone || !g_runtime->learned.did_not_fit(what.site, what.size_class)) return;
    say_row(what, "cprime: ", bytes,
            g_runtime->learned.learning()
                ? "; it grew, and the row is marked wrong when the program ends"
                : "; it grew: write the table anew, or let CPRIME_LEARN=FILE mark the row");
}

void say_unheld_overflow(std::uint32_t index, std::uint64_t bytes) {
    const Concerned what = concerned_by(index);
    if (what.site == wire::kNone) return;
    g_runtime->learned.did_not_fit(what.site, what.size_class);
    say_row(what, "  ", bytes, "");
    if (!g_runtime->learned.learning()) return;
    const char* const wrong_file = g_runtime->wrong_file.c_str();
    if (leave_line(what, bytes)) {
        say("  that stands in %s, and the next run with CPRIME_LEARN gets a larger class\n", wrong_file);
    } else {
        say("  that cannot be written to %s, so the next run with CPRIME_LEARN will not know it\n",
            wrong_file);
    }
}

}  // namespace cprime::detail
