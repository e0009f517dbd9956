// SizeRows: what traces and earlier tables say about each spawn site's use of its stack, and the class that follows from it.
//
// Keyed by "file:line", so that rows of many runs and machines add up. High water is kept as a log-linear histogram (wire/histogram.h), which
// merges by addition; the maximum is kept exactly, because the advice rests on it.
//
// Advice: the smallest class whose usable bytes hold the maximum and a margin: a quarter of it without the frame of a park, at least 32
// bytes. Paths that no run took cannot be seen, so fewer than kSamplesEnough coroutines never argue for a smaller class than was used.
// The table is a wish of whoever passes it on (CPRIME_SIZES): its rows may choose classes below a page, where canaries watch.
//
// Thread: one at a time. Tested in tests/unit/traces/sizes_test.cpp and end to end in tests/e2e/sizes_test.py.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "instrumentation/base/result.h"
#include "instrumentation/inspect/state_image.h"
#include "instrumentation/wire/coroutine.h"

namespace coroscope::traces {

inline constexpr std::uint64_t kSamplesEnough = 20;
inline constexpr std::uint64_t kMarginBytesMin = 32;
inline constexpr std::uint64_t kFixedBytes = sizeof(
    wire::SavedFrame);  // the frame of a park, which does not vary

// Bytes that a coroutine of each class can use, and what one costs in memory apart from what it touches.
struct ClassBytes {
    std::uint64_t usable[wire::kSizeClassesCount] = {};
    std::uint64_t stride[wire::kSizeClassesCount] = {};
    // From a program's own pools; classes it has no pool for keep the documented sizes.
    static ClassBytes of(const inspect::StateImage& state);
    // Resident bytes of a slot whose deepest use is `high_water_bytes`: the slot itself below a page, whole pages above.
    std::uint64_t resident(wire::SizeClass size_class, std::uint64_t high_water_bytes) const;
};

struct SizeRow {
    std::string symbol;  // enclosing function of the spawn
    wire::SizeClass class_used = wire::SizeClass::kMedium;
    std::uint64_t predicted_bytes = 0;  // by the table this run was given; 0 = none
    std::uint64_t samples = 0;
    std::uint64_t sum_bytes = 0;
    std::uint64_t max_bytes = 0;
    std::map<std::uint32_t, std::uint64_t> histogram;      // bucket -> coroutines
    std::uint64_t migrations = 0;                          // all forms, those of older tables included
    std::uint64_t in_place = 0, segments = 0, wishes = 0;  // by form
    std::uint64_t seen_bytes = 0;  // deepest use that the program itself noticed at parks and growth, painted or not; a lower bound
    std::uint64_t peak_coroutines = 0;  // most alive at once in one run

    void add_sample(std::uint64_t high_water_bytes);
    void merge(const SizeRow& other);
    std::uint64_t quantile(double q) const;
    wire::SizeClass advised(const ClassBytes& bytes) const;
    std::int64_t saved_bytes(const ClassBytes& bytes) const;
};

class SizeRows {
public:
    // Adds what a whole trace says. Errors: those of opening it.
    base::Status add_trace(const std::string& path);
    // Adds the rows of a table written before. kCorrupt names the line and what is wrong.
    base::Status add_table(const std::string& path);
    nlohmann::json to_json() const;

    std::map<std::string, SizeRow>& rows() { return rows_; }

private:
    base::Status add_json(const nlohmann::json& table, const std::string& path);

    std::map<std::string, SizeRow> rows_;  // by "file:line"
    ClassBytes bytes_ = ClassBytes::of({});
    std::uint64_t runs_ = 0;
};

}  // namespace coroscope::traces
