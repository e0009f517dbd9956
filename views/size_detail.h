// Row model of the lower part of the Sizes view: what is proven of the chosen site, line by line.
//
//   PROVEN ≤ 424 bytes, 5 calls deep            UNPROVEN: 2 reasons
//   the deepest calls                           demo::watch calls through a pointer
//     demo::serve                                 demo::serve
//     demo::weigh                                 demo::watch
//   rests on                                    ...
//     memcpy takes at most 8 bytes: ...
//
// A frame knows its instruction in the binary that was proven (binary_place.h), so that the code view can show it. All comes from the table's JSON
// ("proof" of a row, "proven_from" of the builds), as `coroscope sizes --json` prints it; what is missing there is not shown.
//
// Pure functions; any thread. Tested in tests/unit/views/size_detail_test.cpp.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "views/binary_place.h"
#include "views/size_model.h"

namespace coroscope::views {

enum class DetailKind : std::uint8_t {
    kProven,    // the headline
    kUnproven,  // the same
    kNoProof,   // the same
    kWrong,     // a run went deeper
    kCaption,   // of what follows
    kReason,
    kFrame,
    kAssumption
};

struct DetailLine {
    DetailKind kind = DetailKind::kCaption;
    std::string text;
    std::optional<BinaryPlace> place;  // of a frame, where the proof says it
};

struct SizeDetail {
    std::string site;
    std::vector<DetailLine> lines;
    std::vector<std::size_t> frames;  // lines that are frames with a place
};

// Of a site of the table; without lines where it has none.
SizeDetail size_detail(const SizeTable& table, const std::string& site);
nlohmann::json to_json(const SizeDetail& detail);

}  // namespace coroscope::views
