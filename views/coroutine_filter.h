// The one filter of a window: which coroutines its views tell of.
//
// Words, all of which must occur (folded case) in a coroutine's identity, name, state, what it waits for, site or size class; or a rule
// (traces/rules/filter.h). A rule about events filters nothing: it is there to be stepped by.
//
// Pure functions; any thread. 100,000 coroutines: some 10 ms by words. Tested in tests/unit/views/coroutine_model_test.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "traces/moment.h"

namespace coroscope::views {

struct FilterMatch {
    std::string filter;
    std::vector<bool> by_position;  // of Moment::state.coroutines
    std::vector<std::uint64_t> identities;  // of those that match, ascending
    std::set<std::string> sites;            // of theirs, "file:line"
    std::size_t count = 0;                  // that match
    bool about_events = false;
    std::string mistake;  // in the filter, where it is a rule: a sentence, the rule, a caret; "" = none, and nothing matches otherwise

    bool has(std::uint64_t identity) const;
};

FilterMatch match_filter(const traces::Moment& moment, const std::string& filter);

// Whom a filter lets through where a view tells of the past: who lives at the Moment is judged as in the table, and of everybody else identity, name
// and spawn site must have all words. A rule says nothing of who does not live then: they are left out.
class PastFilter {
public:
    PastFilter(const traces::Moment& moment, const std::string& filter);
    bool passes(std::uint64_t identity, std::string_view name, std::string_view site) const;
    const std::string& text() const { return text_; }

private:
    std::string text_;
    std::vector<std::string> words_;
    bool rule_ = false;
    std::vector<std::uint64_t> alive_;  // ascending
    std::vector<std::uint64_t> passing_;
};
// nullptr where everybody passes: no filter, or a rule about events.
std::shared_ptr<const PastFilter> past_filter(const traces::Moment& moment, const std::string& filter);

// True when `part` occurs in `text`, upper and lower case being the same; ASCII only.
bool contains_folded(std::string_view text, std::string_view part);

}  // namespace coroscope::views
