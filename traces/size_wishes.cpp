// See size_wishes.h.
#include "traces/size_wishes.h"

#include <algorithm>

#include <fmt/format.h>

#include "traces/size_join.h"

namespace coroscope::traces {
namespace {

// The row that has the site now; nullptr: none, or another function's.
SizeRow* row_of(JoinedSizes& joined, const std::string& site, const std::string& symbol, std::string* name) {
    auto found = joined.rows.find(site);
    if (found == joined.rows.end()) {
        found = std::find_if(joined.rows.begin(), joined.rows.end(), [&](const auto& row) { return row.second.moved_from.contains(site); });
    }
    if (found == joined.rows.end()) return nullptr;
    const std::string wished = plain_function_name(symbol), is = plain_function_name(found->second.symbol);
    if (!wished.empty() && !is.empty() && wished != is) return nullptr;
    *name = found->first;
    return &found->second;
}

}  // namespace

void add_wish(WishesBySite& wishes, const std::string& site, const SizeWish& wish) {
    std::set<SizeWish>& of_site = wishes[site];
    of_site.insert(wish);
    while (of_site.size() > kSizeWishesMax)
        of_site.erase(of_site.begin());
}

void merge_wishes(WishesBySite& wishes, const WishesBySite& more) {
    for (const auto& [site, of_site] : more) {
        for (const SizeWish& wish : of_site)
            add_wish(wishes, site, wish);
    }
}

void apply_wishes(const WishesBySite& wishes, JoinedSizes& joined) {
    std::map<std::string, SizeWish> newest;  // by row: the wishes of a site's lines of before are its own
    for (const auto& [site, of_site] : wishes) {
        for (const SizeWish& wish : of_site) {
            std::string name;
            const SizeRow* row = row_of(joined, site, wish.symbol, &name);
            if (row == nullptr) {
                joined.notes.push_back(fmt::format("{} has no row by now, or another function's: a wish there for {} says nothing", site,
                                                   inspect::size_class_name(wish.size_class)));
                continue;
            }
            const auto [known, fresh] = newest.try_emplace(name, wish);
            if (fresh) continue;
            const SizeWish& older = std::min(known->second, wish);
            const SizeWish newer = std::max(known->second, wish);
            if (older.size_class != newer.size_class) {
                joined.notes.push_back(fmt::format("{}: a wish for {} counts, and an older one for {} does not", name,
                                                   inspect::size_class_name(newer.size_class), inspect::size_class_name(older.size_class)));
            }
            known->second = newer;
        }
    }
    for (const auto& [name, wish] : newest) {
        SizeRow& row = joined.rows.at(name);
        if (row.wrong_class && *row.wrong_class >= wish.size_class) {
            joined.notes.push_back(fmt::format("{}: a wish for {} does not count, since a stack of it did not fit {}", name,
                                               inspect::size_class_name(wish.size_class), inspect::size_class_name(*row.wrong_class)));
            continue;
        }
        row.wished = wish.size_class;
    }
    std::sort(joined.notes.begin(), joined.notes.end());
}

}  // namespace coroscope::traces
