// See taken_addresses.h.
#include "instrumentation/bounds/taken_addresses.h"

#include <algorithm>
#include <cstring>
#include <set>

namespace coroscope::bounds {
namespace {

using Slot = Binary::Slot;

// Named by what every program begins and ends with.
constexpr std::string_view kOfEachProgram[] = {"__cxa_finalize", "__gmon_start__",
                                               "_ITM_deregisterTMCloneTable", "_ITM_registerTMCloneTable",
                                               "__libc_start_main",
                                               // whom only the unwinder calls
                                               "__gxx_personality_v0", "__gcc_personality_v0"};

bool is_table_of_class(std::string_view name) {
    return name.starts_with("_ZTV") || name.starts_with("_ZTC") || name.starts_with("_ZTI");
}

// What stands before four bytes that are a distance: e8 and e9 call and jump, 0f 8x branches.
bool goes_there(const std::uint8_t* before) {
    return before[-1] == 0xe8 || before[-1] == 0xe9 || (before[-2] == 0x0f && (before[-1] & 0xf0U) == 0x80);
}
// ff 15 and ff 25 call and jump through the word.
bool goes_through(const std::uint8_t* before) {
    return before[-2] == 0xff && (before[-1] == 0x15 || before[-1] == 0x25);
}

}  // namespace

TakenAddresses::TakenAddresses(const std::vector<Binary*>& binaries, const std::vector<DebugTypes*>& types)
    : binaries_(binaries) {
    for (std::uint32_t i = 0; i < binaries.size(); ++i) {
        if (i == 0 || !types[i]->signatures().empty()) read(i, *binaries[i], *types[i]);
    }
}

void TakenAddresses::take_import(std::uint32_t number, const Slot& slot) {
    const auto named = [&slot](std::string_view name) { return name == slot.import; };
    const auto same = [&slot](const Classes::Entry& one) { return one.slot.import == slot.import; };
    const bool function = std::any_of(binaries_.begin(), binaries_.end(), [&](const Binary* one) {
        return one->function_named(slot.import, true).has_value();
    });
    if (!function || std::any_of(std::begin(kOfEachProgram), std::end(kOfEachProgram), named) ||
        std::any_of(of_any_type_.begin(), of_any_type_.end(), same))
        return;
    of_any_type_.push_back({number, slot});
}

void TakenAddresses::read(std::uint32_t number, Binary& binary, DebugTypes& types) {
    std::set<std::uint32_t> taken;
    for (const auto& [address, slot] : binary.pointers()) {
        if (slot.kind == Slot::Kind::kAddress) {
            if (const auto function = binary.function_at(slot.address)) taken.insert(*function);
        } else if (slot.kind == Slot::Kind::kImport && !slot.through_table) {
            const auto around = binary.object_around(address);
            if (!around || !is_table_of_class(around->name)) take_import(number, slot);
        }
    }
    std::uint64_t low = ~std::uint64_t{0};
    std::uint64_t high = 0;
    for (const Binary::Range& range : binary.code()) {
        low = std::min(low, range.low);
        high = std::max(high, range.high);
    }
    std::vector<bool> begins(low < high ? static_cast<std::size_t>(high - low) : 0);
    for (const Function& function : binary.functions()) {
        if (function.low >= low && function.low < high) begins[function.low - low] = true;
    }
    for (const Binary::Range& range : binary.code()) {
        const auto code = binary.bytes(range.low, range.high);
        for (std::size_t i = 2; i + 4 <= code.size(); ++i) {
            std::int32_t value = 0;
            std::memcpy(&value, code.data() + i, sizeof value);
            const std::uint64_t distant = range.low + i + 4 +
                                          static_cast<std::uint64_t>(static_cast<std::int64_t>(value));
            const std::uint64_t itself = static_cast<std::uint32_t>(value);
            if (distant - low < begins.size() && begins[distant - low] && !goes_there(code.data() + i))
                taken.insert(*binary.function_at(distant));
            if (binary.has_fixed_addresses() && itself - low < begins.size() && begins[itself - low])
                taken.insert(*binary.function_at(itself));
            const Slot slot = binary.slot(distant);
            if (slot.kind == Slot::Kind::kImport && !goes_through(code.data() + i)) take_import(number, slot);
        }
    }
    for (const std::uint32_t function : taken) {
        const std::uint64_t address = binary.functions()[function].low;
        const auto known = types.signatures().find(address);
        Slot slot;
        slot.kind = Slot::Kind::kAddress;
        slot.address = address;
        if (known != types.signatures().end() && !known->second.empty())
            by_type_[known->second].push_back({number, slot});
    }
}

std::vector<Classes::Entry> TakenAddresses::of_type(const std::string& signature) const {
    std::vector<Classes::Entry> found = of_any_type_;
    const auto known = by_type_.find(signature);
    if (known != by_type_.end()) found.insert(found.end(), known->second.begin(), known->second.end());
    return found;
}

}  // namespace coroscope::bounds
