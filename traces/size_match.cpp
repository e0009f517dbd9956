// See size_match.h.
#include "traces/size_match.h"

#include <map>

#include "traces/size_join.h"

namespace coroscope::traces {
namespace {

struct Name {
    std::string site, file, file_name, line, function;
};

Name parts_of(const SizeSiteName& site) {
    Name name;
    const std::size_t colon = site.site.rfind(':');
    name.site = site.site;
    name.file = site.site.substr(0, colon);
    name.file_name = name.file.substr(name.file.rfind('/') + 1);
    name.line = colon == std::string::npos ? std::string() : site.site.substr(colon + 1);
    name.function = plain_function_name(site.symbol);
    return name;
}

// What must be the same in a turn; "" = this site has no part in it.
std::string key_of(const Name& name, int turn) {
    if (turn == 0) return name.site + "\n" + name.function;
    if (turn == 1) return name.site;
    if (name.function.empty()) return {};
    if (turn == 2) return name.file + "\n" + name.function;
    return name.file_name + "\n" + name.function + (turn == 3 ? "\n" + name.line : "");
}

std::map<std::string, std::vector<std::size_t>> left_by_key(const std::vector<Name>& names, const std::vector<bool>& taken, int turn) {
    std::map<std::string, std::vector<std::size_t>> left;
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (taken[i]) continue;
        if (const std::string key = key_of(names[i], turn); !key.empty()) left[key].push_back(i);
    }
    return left;
}

}  // namespace

std::vector<std::size_t> match_sites(const std::vector<SizeSiteName>& before, const std::vector<SizeSiteName>& now) {
    std::vector<Name> sides[2];
    for (const SizeSiteName& site : before)
        sides[0].push_back(parts_of(site));
    for (const SizeSiteName& site : now)
        sides[1].push_back(parts_of(site));
    std::vector<bool> taken[2] = {std::vector<bool>(before.size()), std::vector<bool>(now.size())};
    std::vector<std::size_t> matches(now.size(), kNoMatch);
    for (int turn = 0; turn <= 4; ++turn) {
        const auto left = left_by_key(sides[0], taken[0], turn);
        for (const auto& [key, here] : left_by_key(sides[1], taken[1], turn)) {
            const auto there = left.find(key);
            if (there == left.end() || here.size() != 1 || there->second.size() != 1) continue;
            const std::size_t i = here.front(), j = there->second.front();
            // Of a line that is another function's by now nothing is known; one whose function nobody told is that line's.
            if (turn == 1 && !sides[0][j].function.empty() && !sides[1][i].function.empty()) continue;
            matches[i] = j;
            taken[0][j] = taken[1][i] = true;
        }
    }
    return matches;
}

}  // namespace coroscope::traces
