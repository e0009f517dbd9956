// See palette_model.h.
#include "views/palette_model.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "views/describe.h"
#include "views/format.h"

namespace coroscope::views {
namespace {

// A part of the line is worth more than scattered letters, the start of a word more than its middle.
constexpr int kPartScore = 100, kWordStartScore = 60, kLineStartScore = 30, kLetterScore = 4, kRunScore = 6, kExactScore = 4000;
constexpr std::size_t kAlikeMax = 4;  // of a thousand coroutines of one name and site these are enough to choose from

char folded(char c) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
}

bool begins_word(std::string_view line, std::size_t at) {
    return at == 0 || std::isalnum(static_cast<unsigned char>(line[at - 1])) == 0;
}

std::optional<int> word_score(std::string_view line, std::string_view word) {
    std::optional<int> best;
    for (std::size_t at = 0; at + word.size() <= line.size(); ++at) {
        std::size_t same = 0;
        while (same < word.size() && folded(line[at + same]) == folded(word[same]))
            ++same;
        if (same != word.size()) continue;
        const int score = kPartScore + (begins_word(line, at) ? kWordStartScore : 0) + (at == 0 ? kLineStartScore : 0) +
                          kLetterScore * static_cast<int>(word.size());
        best = std::max(best.value_or(0), score);
    }
    if (best.has_value() || word.size() < 2) return best;
    int score = 0;
    std::size_t at = 0, last = std::string_view::npos;
    for (const char letter : word) {
        // The next start of a word with this letter, else the next letter.
        std::size_t any = std::string_view::npos, start = std::string_view::npos;
        for (std::size_t i = at; i < line.size() && start == std::string_view::npos; ++i) {
            if (folded(line[i]) != folded(letter)) continue;
            if (any == std::string_view::npos) any = i;
            if (begins_word(line, i)) start = i;
        }
        if (any == std::string_view::npos) return std::nullopt;
        const bool goes_on = last != std::string_view::npos && any == last + 1;
        last = goes_on || start == std::string_view::npos ? any : start;
        score += kLetterScore + (goes_on ? kRunScore : 0) + (begins_word(line, last) ? kRunScore : 0);
        at = last + 1;
        if (at > line.size()) return std::nullopt;
    }
    return score;
}

void keep_best(std::vector<PaletteHit>& hits, std::size_t hits_max) {
    const std::size_t kept = std::min(hits.size(), hits_max);
    std::partial_sort(hits.begin(), hits.begin() + static_cast<std::ptrdiff_t>(kept), hits.end(),
                      [](const PaletteHit& a, const PaletteHit& b) { return a.score != b.score ? a.score > b.score : a.number < b.number; });
    hits.resize(kept);
}

// Names and sites are shared by thousands; each pair is looked at once.
std::vector<PaletteHit> find_coroutines(const traces::Moment& moment, std::string_view pattern, std::size_t hits_max) {
    const inspect::StateImage& state = moment.state;
    const bool number = !pattern.empty() && std::all_of(pattern.begin(), pattern.end(), [](char c) { return c >= '0' && c <= '9'; });
    std::unordered_map<std::uint64_t, std::optional<int>> scores;
    std::vector<std::pair<int, std::size_t>> found;
    for (std::size_t i = 0; i < state.coroutines.size(); ++i) {
        const inspect::CoroutineImage& row = state.coroutines[i];
        const auto [entry, added] = scores.try_emplace(std::uint64_t{row.name} << 32 | row.site);
        if (added)
            entry->second = match_score(fmt::format("{} {}", state.coroutine_name(row), state.site_text(row.site)), pattern);
        std::optional<int> score = entry->second;
        if (number) {
            const std::string identity = std::to_string(row.identity);
            if (identity == pattern) score = kExactScore;
            if (identity != pattern && identity.starts_with(pattern)) score = std::max(score.value_or(0), kPartScore);
        }
        if (score.has_value()) found.emplace_back(*score, i);
    }
    std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    std::vector<PaletteHit> hits;
    std::unordered_map<std::uint64_t, std::size_t> alike;
    for (std::size_t i = 0; i < found.size() && hits.size() < hits_max; ++i) {
        const inspect::CoroutineImage& row = state.coroutines[found[i].second];
        if (found[i].first < kExactScore && ++alike[std::uint64_t{row.name} << 32 | row.site] > kAlikeMax) continue;
        PaletteHit hit;
        hit.kind = PaletteHit::Kind::kCoroutine;
        hit.title = fmt::format("{} {}", row.identity, state.coroutine_name(row));
        hit.detail = fmt::format("{}, {}", state_text(row), short_path(state.site_text(row.site)));
        hit.number = row.identity;
        hit.score = found[i].first;
        hits.push_back(std::move(hit));
    }
    return hits;
}

}  // namespace

const char* kind_name(PaletteHit::Kind kind) {
    switch (kind) {
        case PaletteHit::Kind::kAction:
            return "command";
        case PaletteHit::Kind::kCoroutine:
            return "coroutine";
        case PaletteHit::Kind::kChannel:
            return "channel";
        case PaletteHit::Kind::kLock:
            return "lock";
        case PaletteHit::Kind::kSite:
            return "site";
        case PaletteHit::Kind::kTime:
            return "time";
        case PaletteHit::Kind::kFilter:
            return "filter";
    }
    return "";
}

std::optional<int> match_score(std::string_view line, std::string_view pattern) {
    int score = 0;
    while (!pattern.empty()) {
        const std::size_t begin = pattern.find_first_not_of(" \t");
        if (begin == std::string_view::npos) break;
        pattern.remove_prefix(begin);
        const std::size_t end = std::min(pattern.find_first_of(" \t"), pattern.size());
        const std::optional<int> found = word_score(line, pattern.substr(0, end));
        if (!found.has_value()) return std::nullopt;
        score += *found;
        pattern.remove_prefix(end);
    }
    return score;
}

std::optional<traces::TimeNs> time_of(std::string_view text, traces::TimeNs now) {
    std::string word;
    for (const char c : text) {
        if (c != ' ') word += c;
    }
    std::string_view rest = word;
    const char sign = rest.empty() ? ' ' : rest.front();
    const bool relative = sign == '+' || sign == '-';
    if (relative) rest.remove_prefix(1);
    double number = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (error != std::errc() || !(number >= 0)) return std::nullopt;  // "nan" is read as a number, too
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    static constexpr std::pair<std::string_view, double> kUnits[] = {{"ns", 1},  {"us", 1e3},   {"µs", 1e3}, {"ms", 1e6},
                                                                      {"s", 1e9}, {"min", 6e10}, {"m", 6e10}, {"h", 3.6e12}};
    for (const auto& [unit, ns] : kUnits) {
        if (rest != unit) continue;
        const double t = std::round(number * ns);
        if (t > 9e18) return std::nullopt;
        const auto span = static_cast<traces::TimeNs>(t);
        return sign == '-' ? now - span : relative ? now + span : span;
    }
    return std::nullopt;
}

std::vector<PaletteHit> find_actions(const Actions& actions, std::string_view pattern) {
    std::vector<PaletteHit> hits;
    for (const Action& action : actions.all()) {
        std::optional<int> score = match_score(action.title, pattern);
        if (!score.has_value()) {
            score = match_score(fmt::format("{} {}", action.title, action.group), pattern);
            if (score.has_value()) *score /= 2;
        }
        if (!score.has_value()) continue;
        PaletteHit hit;
        hit.title = action.title;
        hit.detail = action.group;
        hit.id = action.id;
        for (const std::string& chord : action.chords)
            hit.keys += (hit.keys.empty() ? "" : "  ") + chord_title(chord);
        hit.possible = !action.possible || action.possible();
        hit.score = *score;
        hits.push_back(std::move(hit));
    }
    return hits;
}

std::vector<PaletteHit> find_in_state(const traces::Moment& moment, std::string_view pattern, std::size_t hits_max) {
    const inspect::StateImage& state = moment.state;
    std::vector<PaletteHit> hits = find_coroutines(moment, pattern, hits_max);
    const auto add = [&](std::vector<PaletteHit> found) {
        keep_best(found, hits_max);
        hits.insert(hits.end(), std::make_move_iterator(found.begin()), std::make_move_iterator(found.end()));
    };
    std::vector<PaletteHit> found;
    const auto look = [&](PaletteHit::Kind kind, const std::string& title, const std::string& detail, const std::string& id,
                          std::uint64_t number) {
        const std::optional<int> score = match_score(title, pattern);
        if (!score.has_value()) return;
        PaletteHit hit;
        hit.kind = kind;
        hit.title = title;
        hit.detail = detail;
        hit.id = id;
        hit.number = number;
        hit.score = *score;
        found.push_back(std::move(hit));
    };
    for (const auto& channel : state.channels) {
        const std::string text = state.channel_text(channel);
        look(PaletteHit::Kind::kChannel, text, fmt::format("{} of {} buffered", channel.length, channel.capacity), text, 0);
    }
    add(std::exchange(found, {}));
    for (const auto& waitable : state.waitables)
        look(PaletteHit::Kind::kLock, state.waitable_text(waitable),
             waitable.owner != 0 ? fmt::format("held by {}", waitable.owner) : "nobody holds it", "", waitable.owner);
    add(std::exchange(found, {}));
    std::unordered_map<std::uint32_t, std::uint64_t> alive;
    for (const auto& row : state.coroutines)
        ++alive[row.site];
    for (const auto& [site, count] : alive) {
        const std::string text = state.site_text(site);
        if (!text.empty()) look(PaletteHit::Kind::kSite, text, fmt::format("{} alive; filters by it", format_count(count)), text, site);
    }
    add(std::move(found));
    return hits;
}

void put_in_order(std::vector<PaletteHit>& hits, std::size_t hits_max) {
    std::stable_sort(hits.begin(), hits.end(), [](const PaletteHit& a, const PaletteHit& b) {
        if (a.possible != b.possible) return a.possible;
        if (a.score != b.score) return a.score > b.score;
        return a.title.size() < b.title.size() && a.score != 0;
    });
    if (hits.size() > hits_max) hits.resize(hits_max);
}

}  // namespace coroscope::views
