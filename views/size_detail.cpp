// See size_detail.h.
#include "views/size_detail.h"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "views/format.h"

namespace coroscope::views {
namespace {

using nlohmann::json;
using BuildIds = std::map<std::string, std::vector<std::string>>;  // by path

const json& member(const json& object, const char* name) {
    static const json kNothing;
    const auto found = object.find(name);
    return found != object.end() ? *found : kNothing;
}

std::string text_of(const json& value) {
    return value.is_string() ? value.get<std::string>() : std::string();
}

std::uint64_t number_of(const json& value) {
    return value.is_number_unsigned() ? value.get<std::uint64_t>() : 0;
}

std::string plural(std::size_t count, const char* what) {
    return fmt::format("{} {}{}", format_count(count), what, count == 1 ? "" : "s");
}

BuildIds proven_from(const json& table) {
    BuildIds ids;
    for (const json& build : member(table, "builds")) {
        if (!build.is_object()) continue;
        for (const json& file : member(build, "proven_from")) {
            if (file.is_array() && file.size() == 2) ids[text_of(file[0])].push_back(text_of(file[1]));
        }
    }
    return ids;
}

class Writer {
public:
    Writer(SizeDetail& detail, const json& table) : detail_(detail), build_ids_(proven_from(table)) {}

    void line(DetailKind kind, std::string text) { detail_.lines.push_back({kind, std::move(text), std::nullopt}); }

    // One line a part of it.
    void sentence(DetailKind kind, std::string_view text) {
        for (std::size_t end = 0; !text.empty(); text.remove_prefix(end)) {
            end = text.find("; ");
            line(kind, std::string(text.substr(0, end)));
            end = end == std::string_view::npos ? text.size() : end + 2;
        }
    }

    // One line a function. `last`: what the last one does.
    void frames(const json& path, const json& places, const std::string& last) {
        for (std::size_t i = 0; path.is_array() && i < path.size(); ++i) {
            const std::string name = text_of(path[i]);
            DetailLine made{DetailKind::kFrame, name, std::nullopt};
            if (places.is_array() && i < places.size() && places[i].is_array() && places[i].size() == 2) {
                BinaryPlace place;
                place.binary = text_of(places[i][0]);
                place.address = number_of(places[i][1]);
                place.function = name;
                place.mark = i + 1 < path.size() ? "the proof goes on in " + short_function(text_of(path[i + 1])) : last;
                if (const auto ids = build_ids_.find(place.binary); ids != build_ids_.end()) place.build_ids = ids->second;
                made.place = std::move(place);
                detail_.frames.push_back(detail_.lines.size());
            }
            detail_.lines.push_back(std::move(made));
        }
    }

private:
    SizeDetail& detail_;
    BuildIds build_ids_;
};

void write_proven(Writer& writer, const json& row, const json& proof, const json& contradictions) {
    const std::uint64_t bound = number_of(member(proof, "bound_bytes"));
    const std::size_t calls = number_of(member(proof, "call_depth"));
    const json& contradicted = member(row, "contradicted");
    if (contradicted.is_boolean() && contradicted.get<bool>()) {
        writer.line(DetailKind::kWrong, fmt::format("CONTRADICTED: proven ≤ {} bytes, and a run went deeper", format_count(bound)));
        for (const json& sentence : contradictions) {
            if (text_of(sentence).starts_with(text_of(member(row, "site")) + " (")) writer.sentence(DetailKind::kReason, text_of(sentence));
        }
    } else {
        writer.line(DetailKind::kProven, fmt::format("PROVEN ≤ {} bytes, {} deep", format_count(bound), plural(calls, "call")));
    }
    writer.line(DetailKind::kCaption, "the calls that go deepest");
    writer.frames(member(proof, "path"), member(proof, "places"), "the deepest function begins here");
    for (const json& contract : member(row, "doubted"))
        writer.line(DetailKind::kReason, "doubted, since a run contradicts another proof that rests on it: " + text_of(contract));
    writer.line(DetailKind::kCaption, "it rests on");
    for (const char* list : {"contracts", "assumptions"}) {
        for (const json& text : member(proof, list))
            writer.line(DetailKind::kAssumption, text_of(text));
    }
}

void write_unproven(Writer& writer, const json& proof) {
    const json& reasons = member(proof, "reasons");
    writer.line(DetailKind::kUnproven, fmt::format("UNPROVEN: {}", plural(reasons.is_array() ? reasons.size() : 0, "reason")));
    for (const json& reason : reasons) {
        if (!reason.is_object()) continue;
        const std::string text = text_of(member(reason, "reason"));
        writer.line(DetailKind::kReason, text);
        writer.frames(member(reason, "path"), member(reason, "places"), text);
    }
}

}  // namespace

SizeDetail size_detail(const SizeTable& table, const std::string& site) {
    SizeDetail detail;
    if (table.json == nullptr || !table.json->is_object()) return detail;
    Writer writer(detail, *table.json);
    for (const json& row : member(*table.json, "sites")) {
        if (!row.is_object() || text_of(member(row, "site")) != site) continue;
        detail.site = site;
        const json& proof = member(row, "proof");
        if (!proof.is_object()) {
            writer.line(DetailKind::kNoProof, table.doubts.empty() ? "nothing is known from the program's code: its binary was not read, or has no "
                                                                     "such site"
                                                                   : table.doubts.front());
        } else if (const json& proven = member(proof, "proven"); proven.is_boolean() && proven.get<bool>()) {
            write_proven(writer, row, proof, member(*table.json, "contradictions"));
        } else {
            write_unproven(writer, proof);
        }
        break;
    }
    return detail;
}

json to_json(const SizeDetail& detail) {
    static constexpr const char* kKinds[] = {"proven", "unproven", "no-proof", "wrong", "caption", "reason", "frame", "assumption"};
    json lines = json::array();
    for (const DetailLine& line : detail.lines) {
        json made = {{"kind", kKinds[static_cast<std::size_t>(line.kind)]}, {"text", line.text}};
        if (line.place.has_value()) {
            made["binary"] = line.place->binary;
            made["address"] = line.place->address;
        }
        lines.push_back(std::move(made));
    }
    return {{"site", detail.site}, {"lines", std::move(lines)}};
}

}  // namespace coroscope::views
