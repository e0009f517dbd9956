// Joining builds from the newest to the oldest; see size_join.h for what belongs together.
#include "traces/size_join.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "traces/size_words.h"

namespace coroscope::traces {
namespace {

// What is between < and >, where they are brackets: an operator's are none.
std::string without_template_arguments(std::string_view text) {
    std::string plain;
    int depth = 0;
    for (const char letter : text) {
        const bool is_operator = plain.ends_with("operator") || plain.ends_with("operator<") ||
                                 plain.ends_with("operator-");
        if (letter == '<' && !is_operator) ++depth;
        if (depth == 0) plain += letter;
        if (letter == '>' && depth > 0) --depth;
    }
    return plain;
}

void erase_all(std::string& text, std::string_view what) {
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at))
        text.erase(at, what.size());
}

std::string build_text(const SizeBuild& build) {
    if (build.program.empty()) return "a table that does not say of which program";
    if (build.build_id.empty()) return build.program;
    return fmt::format("{} (build {})", build.program, short_build_id(build.build_id));
}

std::string file_of(const std::string& site) {
    return site.substr(0, site.rfind(':'));
}

// A site of one build.
struct Spot {
    std::set<std::string> functions;  // plain names; none: not known
    SizeRow row;
    bool contradicted = false;
};

bool same_function(const std::set<std::string>& a, const std::set<std::string>& b) {
    return a.empty() || b.empty() ||
           std::any_of(a.begin(), a.end(), [&](const std::string& name) { return b.contains(name); });
}

// "look at what it takes on trust (…), then at the frames along f → g"
std::string where_to_look(const SizeProof& proof) {
    std::string trusted, path;
    for (const std::string& contract : proof.contracts)
        trusted += (trusted.empty() ? "" : "; ") + contract;
    for (const std::string& function : proof.path)
        path += (path.empty() ? "" : " → ") + plain_function_name(function);
    std::string text = "look";
    if (!trusted.empty()) text += fmt::format(" at what it takes on trust ({}), then", trusted);
    text += path.empty() ? " at the frames under it" : " at the frames along " + path;
    return text + ", with 'coroscope analyze'";
}

struct Current {
    std::set<std::string> functions;
    SizeRow row;
    std::map<std::string, std::pair<SizeBuild, std::string>> newest;  // by program: its newest build that has the site, and where
};

class Joiner {
public:
    explicit Joiner(const std::map<SizeBuild, SizeBuildRows>& builds) : builds_(builds) {}

    JoinedSizes join() {
        std::vector<const SizeBuild*> order;
        for (const auto& [build, rows] : builds_)
            order.push_back(&build);
        std::sort(order.begin(), order.end(), [&](const SizeBuild* a, const SizeBuild* b) {
            const auto key = [&](const SizeBuild* build) {
                return std::make_tuple(!build->build_id.empty(), builds_.at(*build).latest_run_unix_ns, *build);
            };
            return key(b) < key(a);
        });
        for (const SizeBuild* build : order) {
            newest_.try_emplace(build->program, *build);
            take(*build, spots_of(*build, builds_.at(*build)));
        }
        for (auto& [site, current] : current_) {
            current.row.proof = proof_of(current);
            doubt(current.row);
            const bool proven = current.row.proof.has_value() && current.row.proof->proven;
            if (!proven && !current.row.measured()) continue;  // nothing is known of it but why
            answer_.rows.emplace(site, std::move(current.row));
        }
        for (auto& [key, row] : apart_)
            answer_.set_apart.push_back({key.first, std::move(row)});
        std::sort(answer_.notes.begin(), answer_.notes.end());
        std::sort(answer_.contradictions.begin(), answer_.contradictions.end());
        return std::move(answer_);
    }

private:
    using Spots = std::map<std::string, Spot>;

    Spots spots_of(const SizeBuild& build, const SizeBuildRows& rows) {
        Spots spots;
        for (const auto& [key, row] : rows.measured) {
            const auto [found, fresh] = spots.try_emplace(key.first);
            Spot& spot = found->second;
            const std::string symbol = fresh ? key.second : std::max(spot.row.symbol, key.second);
            if (fresh) {
                spot.row = row;
            } else {
                spot.row.merge(row);
            }
            spot.row.symbol = symbol;
            if (const std::string name = plain_function_name(key.second); !name.empty()) spot.functions.insert(name);
        }
        for (const auto& [site, proof] : rows.proofs) {
            Spot& spot = spots[site];
            if (spot.row.symbol.empty()) spot.row.symbol = proof.symbol;
            const std::string name = plain_function_name(proof.symbol);
            if (spot.functions.empty() && !name.empty()) spot.functions.insert(name);
            const std::uint64_t used = std::max(spot.row.deepest_bytes(), spot.row.wrong_bytes);
            if (!proof.proven || used <= proof.bound_bytes) continue;
            spot.row.contradicted = true;
            broken_.insert(proof.contracts.begin(), proof.contracts.end());
            answer_.contradictions.push_back(
                fmt::format("{} ({}) is proven to need at most {} bytes in {}, and a run of that build used {}: do not trust this proof, and "
                            "report it with the binary; {}",
                            site, spot.row.symbol, proof.bound_bytes, build_text(build), used, where_to_look(proof)));
        }
        return spots;
    }

    void take(const SizeBuild& build, Spots spots) {
        std::set<std::string> taken;  // rows that have a site of this build
        for (auto it = spots.begin(); it != spots.end();) {
            const auto found = current_.find(it->first);
            if (found == current_.end() || !same_function(found->second.functions, it->second.functions)) {
                ++it;
                continue;
            }
            put(build, it->first, it->first, it->second);
            taken.insert(it->first);
            it = spots.erase(it);
        }
        std::map<std::string, std::string> moves;
        for (const auto& [site, spot] : spots) {
            if (const std::string to = moved_to(build, site, spot, spots, taken); !to.empty()) moves[site] = to;
        }
        for (auto& [site, spot] : spots) {
            if (const auto move = moves.find(site); move != moves.end()) {
                answer_.notes.push_back(fmt::format("{} ({}) was at {} in {}: its row is followed", move->second,
                                                    spot.row.symbol, site, build_text(build)));
                current_.at(move->second).row.moved_from.insert(site);
                put(build, site, move->second, spot);
            } else if (const auto other = current_.find(site); other != current_.end()) {
                answer_.notes.push_back(fmt::format(
                    "{} is in {} by now; what was measured there in {} was of {} and is kept apart", site,
                    other->second.row.symbol, build_text(build), spot.row.symbol));
                const auto [found, fresh] = apart_.try_emplace({site, spot.row.symbol}, spot.row);
                if (!fresh) found->second.merge(spot.row);
            } else {
                put(build, site, site, spot);
            }
        }
    }

    void put(const SizeBuild& build, const std::string& site, const std::string& row_site, const Spot& spot) {
        answer_.row_of[{build, site}] = row_site;
        const auto [found, fresh] = current_.try_emplace(row_site);
        Current& current = found->second;
        if (fresh) {
            current.row = spot.row;
        } else {
            const std::string symbol = current.row.symbol;  // the newest build's
            const bool contradicted = current.row.contradicted || spot.row.contradicted;
            // A site that only a proof knows was in no run: it has no class of its own.
            if (spot.row.measured() && !current.row.measured()) {
                const auto moved_from = current.row.moved_from;
                current.row = spot.row;
                current.row.moved_from = moved_from;
            } else if (spot.row.measured()) {
                current.row.merge(spot.row);
            }
            if (!symbol.empty()) current.row.symbol = symbol;
            current.row.contradicted = contradicted;
        }
        current.functions.insert(spot.functions.begin(), spot.functions.end());
        current.newest.try_emplace(build.program, build, site);
    }

    // The one row of a newer build of this program that a site can have become; "" = none, or several.
    std::string moved_to(const SizeBuild& build, const std::string& site, const Spot& spot, const Spots& spots,
                         const std::set<std::string>& taken) const {
        if (build.program.empty() || spot.functions.empty()) return {};
        const std::string file = file_of(site);
        const auto belongs = [&](const std::string& other_site, const std::set<std::string>& functions) {
            return !functions.empty() && file_of(other_site) == file && same_function(functions, spot.functions);
        };
        std::vector<std::string> all, of_class;
        for (const auto& [other, current] : current_) {
            if (taken.contains(other) || !current.newest.contains(build.program) || !belongs(other, current.functions)) continue;
            all.push_back(other);
            if (current.row.class_used == spot.row.class_used) of_class.push_back(other);
        }
        std::size_t rivals = 0, rivals_of_class = 0;
        for (const auto& [other, one] : spots) {
            if (!belongs(other, one.functions)) continue;
            ++rivals;
            rivals_of_class += one.row.class_used == spot.row.class_used ? 1 : 0;
        }
        if (all.size() == 1 && rivals == 1) return all.front();
        return of_class.size() == 1 && rivals_of_class == 1 ? of_class.front() : std::string();
    }

    // What a contradicted proof takes on trust may be what is wrong with it: others that do so get a margin.
    void doubt(SizeRow& row) const {
        if (!row.proven()) return;
        std::set_intersection(row.proof->contracts.begin(), row.proof->contracts.end(), broken_.begin(), broken_.end(),
                              std::inserter(row.doubted, row.doubted.end()));
    }

    // Of the newest build of every program that has the site; none where one of them is not known to be proven or not.
    std::optional<SizeProof> proof_of(const Current& current) const {
        std::optional<SizeProof> joined;
        for (const auto& [program, place] : current.newest) {
            const auto& [build, site] = place;
            if (build.build_id.empty()) continue;  // nothing can be proven of what is not known
            if (newest_.at(program) != build) return std::nullopt;
            const SizeBuildRows& rows = builds_.at(build);
            const auto proof = rows.proofs.find(site);
            if (proof == rows.proofs.end()) return std::nullopt;
            if (joined) {
                joined->merge(proof->second);
            } else {
                joined = proof->second;
            }
        }
        return joined;
    }

    const std::map<SizeBuild, SizeBuildRows>& builds_;
    std::map<std::string, SizeBuild> newest_;  // by program
    std::map<std::string, Current> current_;
    std::map<std::pair<std::string, std::string>, SizeRow> apart_;  // by site and symbol
    std::set<std::string> broken_;  // contracts under proofs that a run contradicted
    JoinedSizes answer_;
};

}  // namespace

std::string plain_function_name(std::string_view function) {
    std::string name = without_template_arguments(function.substr(0, function.find(" [")));
    erase_all(name, "(anonymous namespace)::");
    erase_all(name, "{anonymous}::");
    name.resize(std::min(name.find('('), name.size()));
    if (const std::size_t lambda = name.find("::{lambda"); lambda != std::string::npos) name.resize(lambda);
    return name.substr(name.rfind(' ') + 1);
}

JoinedSizes SizeRows::joined() const {
    JoinedSizes joined = Joiner(builds_).join();
    apply_wishes(wishes_, joined);
    return joined;
}

}  // namespace coroscope::traces
