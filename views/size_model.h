// Row model of the Sizes view: what each spawn site uses of its stack's slot, which class would do, and what that saves; of one run, or of two.
//
//   a size table (traces/size_rows.h, as JSON) ─▶ SizeTable ─┐
//   that of the run before, if one was opened  ─▶ SizeTable ─┼─▶ SizeModel ─▶ drawn (size_view.cpp), dumped
//   classes that the person at the window wishes, filter, order ─┘
//
// Tables come in as the JSON that `coroscope sizes` promises, so that the window shows what the command line prints, and what is exported is
// that table again with the wished classes in it. Sites of two runs are matched by line, file and function (traces/size_match.h).
//
// What a site's stacks keep in memory is estimated as SizeRow::saved_bytes does: the most coroutines alive at once, each with what its class costs
// for the use that is usual (p50). It is what two runs are compared by.
//
// Pure functions; any thread. Tested in tests/unit/views/size_model_test.cpp.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "traces/size_rows.h"

namespace coroscope::views {

// A site in one run.
struct SizeSite {
    std::string site, symbol, evidence;
    wire::SizeClass used = wire::SizeClass::kMedium, advised = wire::SizeClass::kMedium;
    std::uint64_t predicted_bytes = 0, bound_bytes = 0;         // 0 = there is none
    std::uint64_t samples = 0;                                  // coroutines that were measured
    std::uint64_t p50_bytes = 0, p99_bytes = 0, max_bytes = 0;  // of them
    std::uint64_t seen_bytes = 0;  // deepest use that the program noticed; a lower bound, 0 = none
    std::uint64_t peak_coroutines = 0, growths = 0;
    std::int64_t saved_bytes = 0;
    bool contradicted = false;  // a run went deeper than what is proven

    // The deepest use that is known, measured or not.
    std::uint64_t deepest_bytes() const { return samples != 0 ? max_bytes : seen_bytes; }
    std::uint64_t usual_bytes() const { return samples != 0 ? p50_bytes : seen_bytes; }
};

struct SizeTable {
    std::string name;     // "run.coro"
    std::string problem;  // why there are no rows, in one sentence; "" = there may be
    std::vector<std::string> doubts;  // why sites are not proven that could be, a sentence a binary
    std::vector<SizeSite> sites;
    traces::ClassBytes bytes;
    std::shared_ptr<const nlohmann::json> json;  // as it was read; what wishes are put into

    std::uint64_t usable(wire::SizeClass size_class) const;
    // Of a site's stacks, at the most that were alive.
    std::uint64_t resident_bytes(const SizeSite& site, wire::SizeClass size_class) const;
};

// Rows of a table that has the shape which `coroscope sizes --json` promises; what is missing in it is not shown.
SizeTable read_size_table(nlohmann::json table, const traces::ClassBytes& bytes, std::string name);

enum class SizeColumn : std::uint8_t {
    kSite,
    kSymbol,
    kPredicted,
    kSeen,
    kDeepest,
    kClass,
    kEvidence,
    kCoroutines,
    kGrowths,
    kSaved
};
inline constexpr std::size_t kSizeColumnsCount = 10;

struct SizeQuery {
    SizeColumn column = SizeColumn::kSaved;
    bool descending = true;
    std::string filter = {};            // words, all of which must occur in a row, or a rule; "" = everything
    std::set<std::string> sites = {};   // "file:line", of whoever passes the filter: shown whatever their rows say
    bool is_rule = false;               // then nothing else is shown
    bool operator==(const SizeQuery&) const = default;
};

// By "file:line".
using SizeWishes = std::map<std::string, wire::SizeClass>;

struct SizeLine {
    static constexpr std::uint32_t kNone = UINT32_MAX;
    std::uint32_t now = kNone, before = kNone;           // positions in the tables; at least one is there
    wire::SizeClass advised = wire::SizeClass::kMedium;  // the wish where there is one
    bool wished = false;
    bool fits = true;              // what was seen fits into the class advised
    std::int64_t saved_bytes = 0;  // by the class advised
    std::uint64_t resident_bytes = 0, resident_before_bytes = 0;
};

struct SizeModel {
    std::shared_ptr<const SizeTable> now, before;  // before: nullptr where no run is compared with
    SizeQuery query;
    std::vector<SizeLine> lines;  // those that pass the filter, in order
    // Over all sites, whatever the filter says.
    std::size_t sites = 0, wishes = 0;
    std::uint64_t measured = 0;  // coroutines of this run
    std::int64_t saved_bytes = 0;
    std::uint64_t resident_bytes = 0, resident_before_bytes = 0;
    std::uint64_t growths = 0, growths_before = 0;

    const SizeSite* site_now(const SizeLine& line) const;     // nullptr: it did not spawn
    const SizeSite* site_before(const SizeLine& line) const;  // nullptr: it did not, or nothing is compared with
    const SizeSite& site(const SizeLine& line) const;         // of now, else of before
};
SizeModel compute_size_model(std::shared_ptr<const SizeTable> now, std::shared_ptr<const SizeTable> before,
                             const SizeWishes& wishes, const SizeQuery& query);

// "proven", "profiled", "unknown"; "wished".
std::string size_evidence(const SizeModel& model, const SizeLine& line);
// "+12 KiB", "-1.5 MiB", "0".
std::string signed_bytes(std::int64_t bytes);
// "saves 12 KiB", "takes 1.5 MiB more", "saves nothing".
std::string saving_text(std::int64_t bytes);
// "the classes advised would save 10.8 MiB of 23 MiB", or that there is nothing to save.
std::string saving_sentence(const SizeModel& model);
// "23 MiB before, 4 MiB now: 5.8 times less; growths 65 before, none now"; "" where nothing is compared with.
std::string comparison_sentence(const SizeModel& model);
// Everything that is known of a row, in one line to be copied.
std::string size_line_text(const SizeModel& model, const SizeLine& line);

// The table with the wishes in it: what CPRIME_SIZES is to read. A wished row says so ("evidence": "wished") and keeps what was computed
// ("class_computed"). They are in its "wishes", too, as of that time, from where they survive merging (traces/size_wishes.h).
nlohmann::json with_wishes(const SizeTable& table, const SizeWishes& wishes, std::uint64_t unix_ns);

nlohmann::json to_json(const SizeModel& model);

}  // namespace coroscope::views
