// See coroutine_filter.h.
#include "views/coroutine_filter.h"

#include <algorithm>
#include <cctype>
#include <unordered_map>
#include <utility>

#include "traces/rules/filter.h"
#include "views/describe.h"
#include "views/format.h"

namespace coroscope::views {
namespace {

using inspect::CoroutineImage;
using inspect::StateImage;

std::vector<std::string> words_of(const std::string& filter) {
    std::vector<std::string> words;
    std::string word;
    for (const char c : filter + " ") {
        if (c != ' ' && c != '\t') {
            word += c;
        } else if (!word.empty()) {
            words.push_back(std::exchange(word, {}));
        }
    }
    return words;
}

std::uint64_t mix_hash(std::uint64_t hash, std::uint64_t value) {
    hash ^= value + 0x9e3779b97f4a7c15ULL + (hash << 6) + (hash >> 2);
    return hash * 0xff51afd7ed558ccdULL;
}

// Which words a row matches depends on few things that thousands of rows share; the answer is kept by them.
class Filter {
public:
    Filter(const StateImage& state, const std::string& filter) : state_(state), words_(words_of(filter)) {
        if (words_.size() > 64) words_.resize(64);
        all_ = words_.size() == 64 ? ~0ULL : (1ULL << words_.size()) - 1;
    }
    bool accepts(const CoroutineImage& coroutine) {
        if (words_.empty()) return true;
        std::uint64_t matched = shared_matches(coroutine);
        if (matched == all_) return true;
        const std::string identity = std::to_string(coroutine.identity);
        for (std::size_t i = 0; i < words_.size(); ++i) {
            if (identity.find(words_[i]) != std::string::npos) matched |= 1ULL << i;
        }
        return matched == all_;
    }

private:
    std::uint64_t shared_matches(const CoroutineImage& coroutine) {
        std::uint64_t key = mix_hash(coroutine.name, coroutine.site);
        key = mix_hash(key, static_cast<std::uint64_t>(coroutine.state) |
                                static_cast<std::uint64_t>(coroutine.reason) << 8 |
                                std::uint64_t{coroutine.pool} << 16 | std::uint64_t{coroutine.worker} << 24);
        key = mix_hash(key, coroutine.wait_object);
        key = mix_hash(key, coroutine.flags & (wire::kCoroutineGrown | wire::kCoroutineSegments));
        if (coroutine.reason == wire::WaitReason::kSleep)
            key = mix_hash(key, 1);  // deadlines are no text to look for
        const auto [entry, added] = matches_.try_emplace(key, 0);
        if (!added) return entry->second;
        std::string text(state_.coroutine_name(coroutine));
        text += '\n' + state_text(coroutine) + '\n' + inspect::state_name(coroutine.state) + '\n' +
                state_.site_text(coroutine.site) + '\n';
        text += size_class_text(state_, coroutine);
        if ((coroutine.flags & wire::kCoroutineGrown) != 0) text += ", grown in place";
        if ((coroutine.flags & wire::kCoroutineSegments) != 0) text += ", segments";
        if (coroutine.reason != wire::WaitReason::kSleep) text += '\n' + waits_on_text(state_, coroutine);
        for (std::size_t i = 0; i < words_.size(); ++i) {
            if (contains_folded(text, words_[i])) entry->second |= 1ULL << i;
        }
        return entry->second;
    }

    const StateImage& state_;
    std::vector<std::string> words_;
    std::uint64_t all_ = 0;
    std::unordered_map<std::uint64_t, std::uint64_t> matches_;
};

void note_who(const StateImage& state, FilterMatch& match) {
    match.identities.reserve(match.count);
    std::vector<bool> seen(state.sites.size());
    for (std::size_t i = 0; i < state.coroutines.size(); ++i) {
        if (!match.by_position[i]) continue;
        match.identities.push_back(state.coroutines[i].identity);
        const std::uint32_t site = state.coroutines[i].site;
        if (site >= seen.size() || seen[site]) continue;
        seen[site] = true;
        match.sites.insert(state.site_text(site));
    }
    std::sort(match.identities.begin(), match.identities.end());
}

}  // namespace

bool contains_folded(std::string_view text, std::string_view part) {
    const auto same = [](char a, char b) {
        return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
    };
    return std::search(text.begin(), text.end(), part.begin(), part.end(), same) != text.end();
}

FilterMatch match_filter(const traces::Moment& moment, const std::string& filter) {
    FilterMatch match;
    match.filter = filter;
    const auto& rows = moment.state.coroutines;
    match.about_events = rules::is_about_events(filter);
    if (rules::reads_as_rule(filter) && !match.about_events) {
        match.by_position.assign(rows.size(), false);
        auto found = rules::coroutines_that_match(moment, filter);
        if (!found) match.mistake = found.error().message;
        if (found) {
            for (const std::uint32_t position : *found)
                match.by_position[position] = true;
            match.count = found->size();
        }
        note_who(moment.state, match);
        return match;
    }
    Filter words(moment.state, match.about_events ? std::string() : filter);
    match.by_position.reserve(rows.size());
    for (const CoroutineImage& row : rows) {
        match.by_position.push_back(words.accepts(row));
        match.count += match.by_position.back() ? 1 : 0;
    }
    note_who(moment.state, match);
    return match;
}

bool FilterMatch::has(std::uint64_t identity) const {
    return std::binary_search(identities.begin(), identities.end(), identity);
}

PastFilter::PastFilter(const traces::Moment& moment, const std::string& filter)
    : text_(filter), words_(words_of(filter)), rule_(rules::reads_as_rule(filter)), passing_(match_filter(moment, filter).identities) {
    alive_.reserve(moment.state.coroutines.size());
    for (const CoroutineImage& coroutine : moment.state.coroutines)
        alive_.push_back(coroutine.identity);
    std::sort(alive_.begin(), alive_.end());
}

bool PastFilter::passes(std::uint64_t identity, std::string_view name, std::string_view site) const {
    if (std::binary_search(passing_.begin(), passing_.end(), identity)) return true;
    if (rule_ || identity == 0 || std::binary_search(alive_.begin(), alive_.end(), identity)) return false;
    const std::string number = std::to_string(identity);
    return std::all_of(words_.begin(), words_.end(), [&](const std::string& word) {
        return contains_folded(name, word) || contains_folded(site, word) || number.find(word) != std::string::npos;
    });
}

std::shared_ptr<const PastFilter> past_filter(const traces::Moment& moment, const std::string& filter) {
    if (words_of(filter).empty() || rules::is_about_events(filter)) return nullptr;
    return std::make_shared<const PastFilter>(moment, filter);
}

}  // namespace coroscope::views
