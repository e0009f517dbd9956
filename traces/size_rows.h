// SizeRows: what traces, earlier tables and proofs say about each spawn site's use of its stack, and the class that follows from it.
//
// What is kept are rows of one build each: what was measured, by site ("file:line") and enclosing function, and what was proven, by site. They
// add up by sums, maxima and unions alone, and are written into the table as they are; so runs and tables may be merged in any order and any
// grouping, and the same table comes out, byte for byte. What people and programs read, one row a site, is computed from them (size_join.h).
//
// High water is kept as a log-linear histogram (wire/histogram.h), which merges by addition; the maximum is kept exactly, because the advice
// rests on it. Class and prediction are those of the run that began last.
//
// Advice: on a proof the smallest class that holds the bound and whatever was seen (a proof needs no margin, unless it shares a contract with one
// that a run has contradicted); else the smallest whose usable
// bytes hold the maximum and a margin: a quarter of it without the frame of a park, at least 32 bytes. Paths that no run took cannot be seen,
// so fewer than kSamplesEnough coroutines never argue for a smaller class than was used. A class that once was wrong is never advised again.
// The table is a wish of whoever passes it on (CPRIME_SIZES): its rows may choose classes below a page, where canaries watch.
//
// Thread: one at a time. Tested in tests/unit/traces/sizes_test.cpp and size_join_test.cpp, end to end in tests/e2e/sizes_test.py; what reads
// tables is fuzzed by tests/fuzz/sizes_table_fuzz.cpp.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "instrumentation/base/result.h"
#include "instrumentation/inspect/state_image.h"
#include "instrumentation/wire/coroutine.h"
#include "traces/size_proof.h"
#include "traces/size_wishes.h"

namespace coroscope::traces {

class TraceReader;
struct Search;

inline constexpr std::uint64_t kSamplesEnough = 20;
inline constexpr std::uint64_t kMarginBytesMin = 32;
inline constexpr std::uint64_t kFixedBytes = sizeof(
    wire::SavedFrame);  // the frame of a park, which does not vary
inline constexpr int kSizeTableVersion = 2;
// Counts stop here: what JSON's numbers hold exactly everywhere. A table with more is refused.
inline constexpr std::uint64_t kSizeCountMax = 1ULL << 53;

// Bytes that a coroutine of each class can use, and what one costs in memory apart from what it touches.
struct ClassBytes {
    std::uint64_t usable[wire::kSizeClassesCount] = {};
    std::uint64_t stride[wire::kSizeClassesCount] = {};
    bool known[wire::kSizeClassesCount] = {};  // from a program's pools; others are as documented
    // From a program's own pools; classes it has no pool for keep the documented sizes.
    static ClassBytes of(const inspect::StateImage& state);
    // The least of both: advice holds for every program.
    void merge(const ClassBytes& other);
    // Resident bytes of a slot whose deepest use is `high_water_bytes`: the slot itself below a page, whole pages above.
    std::uint64_t resident(wire::SizeClass size_class, std::uint64_t high_water_bytes) const;
    // The smallest class in which so many bytes can be used; Large when none is sure to.
    wire::SizeClass fitting(std::uint64_t bytes) const;
};

struct SizeRow {
    std::string symbol;  // enclosing function of the spawn
    // Of the run that began last; where that is not known, of any.
    std::uint64_t run_unix_ns = 0;
    wire::SizeClass class_used = wire::SizeClass::kMedium;
    std::uint64_t predicted_bytes = 0;  // by the table this run was given; 0 = none
    std::uint64_t run_seen_bytes = 0;   // deepest use in this run

    std::uint64_t coroutines = 0;  // spawned
    std::uint64_t samples = 0;     // of those, measured to their end
    std::uint64_t sum_bytes = 0;
    std::uint64_t max_bytes = 0;
    std::map<std::uint32_t, std::uint64_t> histogram;      // bucket -> coroutines
    std::uint64_t migrations = 0;                          // all forms, those of older tables included
    std::uint64_t in_place = 0, segments = 0, wishes = 0;  // by form
    std::uint64_t seen_bytes = 0;  // deepest use that the program itself noticed at parks and growth, painted or not; a lower bound
    std::uint64_t peak_coroutines = 0;  // most alive at once in one run
    // The largest class of a table that a stack of the site did not fit, as the program itself said; nothing: none was wrong.
    std::optional<wire::SizeClass> wrong_class;
    std::uint64_t wrong_bytes = 0;  // at least so deep that stack wanted to be

    // Of rows that were joined (size_join.h).
    std::optional<SizeProof> proof;    // of the newest build
    bool contradicted = false;         // a run of a build went deeper than what is proven of it
    std::set<std::string> doubted;     // contracts that the proof shares with one that was contradicted
    std::optional<wire::SizeClass> wished;
    std::set<std::string> moved_from;  // where earlier builds had the site

    void add_sample(std::uint64_t high_water_bytes);
    void merge(const SizeRow& other);
    bool measured() const { return coroutines != 0 || samples != 0 || seen_bytes != 0 || wrong_class.has_value(); }
    std::uint64_t deepest_bytes() const { return max_bytes < seen_bytes ? seen_bytes : max_bytes; }
    std::uint64_t quantile(double q) const;
    bool proven() const { return proof.has_value() && proof->proven && !contradicted; }
    const char* evidence() const;  // wished, proven, profiled, unknown
    // What a stack of this site is expected to take at most: the bound, or the deepest seen; 0 = nothing is known.
    std::uint64_t expected_bytes() const;
    wire::SizeClass advised(const ClassBytes& bytes) const;   // the wish, or else what is computed
    wire::SizeClass computed(const ClassBytes& bytes) const;
    wire::SizeClass advised_by_depth(const ClassBytes& bytes) const;  // whatever was wrong before
    // Of the latest run's prediction: the smaller of predicted and seen in parts of the larger.
    std::optional<double> accuracy() const;
    // What the stacks that live at once hold in the class that was used, each used as deep as half of them are at least.
    std::uint64_t resident_bytes(const ClassBytes& bytes) const;
    std::int64_t saved_bytes(const ClassBytes& bytes) const;
};

// One build of one program. Both are "" of rows whose origin is not known.
struct SizeBuild {
    std::string program;   // its file's name
    std::string build_id;  // hex
    auto operator<=>(const SizeBuild&) const = default;
};

struct SizeBuildRows {
    std::uint64_t runs = 0;
    std::uint64_t latest_run_unix_ns = 0;
    std::map<std::pair<std::string, std::string>, SizeRow> measured;  // by site ("file:line") and function
    std::map<std::string, SizeProof> proofs;                          // by site
    std::set<std::string> assumptions;                                // on which its proofs rest
    std::set<std::pair<std::string, std::string>> proven_from;        // path and build-id of each file that the proofs name

    void merge(const SizeBuildRows& other);
};

struct JoinedSizes;

class SizeRows {
public:
    // Adds what a whole trace says. Errors: those of opening it.
    base::Status add_trace(const std::string& path);
    // The same of one that is open. With a search: ends early, with rows that are not whole, when that is not wanted any more.
    base::Status add_trace(const TraceReader& trace, const Search* search = nullptr);
    // Adds those who are alive in a look at a program of which nothing else is kept.
    void add_alive(const inspect::StateImage& state);
    // Adds what the program itself keeps of each site: how deep its stacks were seen to go, and how they grew while somebody listened.
    void add_sites(const inspect::StateImage& state);
    // Adds the rows of a table written before, and what dead programs left beside it (FILE.wrong). kCorrupt names the line and what is wrong.
    base::Status add_table(const std::string& path);
    // The same of its text; `origin`: how sentences name it. Of a table that is refused nothing is taken.
    base::Status add_table_text(std::string_view text, const std::string& origin);
    // Adds what dead programs said of rows that did not hold: lines of JSON, {"site", "class", "bytes"} and, where they know it, "program"
    // and "build_id". What is no such line says nothing.
    void add_wrong_lines(std::string_view lines);
    // Either, whichever the file is.
    base::Status add_file(const std::string& path);
    void merge(const SizeRows& other);

    // Rows of one build, to add to.
    SizeBuildRows& build(const SizeBuild& build) { return builds_[build]; }
    void wish(const std::string& site, const SizeWish& wish) { add_wish(wishes_, site, wish); }
    const std::map<SizeBuild, SizeBuildRows>& builds() const { return builds_; }
    // Where the traces that were added say that a build's binary lies.
    const std::map<SizeBuild, std::set<std::string>>& binaries() const { return binaries_; }
    const ClassBytes& bytes() const { return bytes_; }

    JoinedSizes joined() const;
    nlohmann::json to_json() const;

private:
    std::map<SizeBuild, SizeBuildRows> builds_;
    WishesBySite wishes_;
    std::map<SizeBuild, std::set<std::string>> binaries_;  // not written: paths of this machine
    ClassBytes bytes_ = ClassBytes::of({});
};

}  // namespace coroscope::traces
