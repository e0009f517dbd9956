// Names of the runtime's doors, and of what goes through them (runtime/include/cprime/detail/park.h, channel_calls.h).
#include "instrumentation/bounds/runtime_calls.h"

#include <algorithm>

namespace coroscope::bounds {
namespace {

struct Door {
    std::string_view symbol;
    const char* wanted;  // nullptr: what is handed over says
};
constexpr Door kDoors[] = {{"cprime_park", nullptr},
                           {"cprime_yield", "yield"},
                           {"cprime_send", "send"},
                           {"cprime_receive", "receive"}};

const Door* door_of(std::string_view symbol) {
    const auto* const found = std::find_if(std::begin(kDoors), std::end(kDoors),
                                           [symbol](const Door& one) { return one.symbol == symbol; });
    return found != std::end(kDoors) ? found : nullptr;
}

}  // namespace

bool enters_runtime(std::string_view symbol) {
    return door_of(symbol) != nullptr;
}

std::string wanted_of(std::string_view door, std::string_view handed_over) {
    const Door* const known = door_of(door);
    if (known != nullptr && known->wanted != nullptr) return known->wanted;
    std::string name = readable(handed_over);
    // cprime::detail::park_target<&(void* cprime::detail::channel_call<(cprime::detail::Side)0, …>(…))>
    if (name.find("channel_call<(cprime::detail::Side)0") != std::string::npos) return "send";
    if (name.find("channel_call<(cprime::detail::Side)1") != std::string::npos) return "receive";
    if (name.find("channel_select") != std::string::npos) return "select";
    for (const std::string_view before : {"park_target<&", "cprime::detail::"}) {
        const std::size_t begin = name.find(before);
        if (begin != std::string::npos) name.erase(0, begin + before.size());
    }
    name.resize(std::min(name.find_first_of("<>()"), name.size()));
    constexpr std::string_view kOfCoroutine = "_coroutine";
    if (name.ends_with(kOfCoroutine)) name.resize(name.size() - kOfCoroutine.size());
    return name.empty() ? "call" : name;
}

std::string channel_pattern(const std::vector<RuntimeCall>& calls) {
    struct Kind {
        std::string_view wanted;
        bool met = false, repeats = false;
    };
    Kind kinds[] = {{"send"}, {"receive"}, {"select"}};
    auto& [sends, receives, selects] = kinds;
    for (const RuntimeCall& call : calls) {
        for (Kind& kind : kinds) {
            if (call.wanted != kind.wanted) continue;
            kind.met = true;
            kind.repeats |= call.repeats;
        }
    }
    std::string text = "none";
    if (sends.met) text = "sends";
    if (receives.met) text = sends.met ? "sends and receives" : "receives";
    if (selects.met) text = "selects";
    const auto once = [](const Kind& kind) { return kind.met && !kind.repeats; };
    const bool again = text != "none" &&
                       (selects.met ? selects.repeats
                                    : std::none_of(std::begin(kinds), std::end(kinds), once));
    return again ? text + " in a loop" : text;
}

}  // namespace coroscope::bounds
