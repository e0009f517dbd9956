// Parsing a rule, and holding what it became against an event and a state: whatever the text is, one mistake with its caret or a value.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "traces/rules/evaluator.h"
#include "traces/rules/lexer.h"
#include "traces/rules/state_view.h"

namespace {

using namespace coroscope;
using namespace coroscope::rules;

inspect::StateImage small_state() {
    inspect::StateImage state;
    state.strings = std::string("\x05\x00named", 7);
    state.sites.resize(1);
    state.coroutines.push_back({.index = 0,
                                .identity = 1,
                                .state = wire::CoroutineState::kParked,
                                .site = 0,
                                .name = 0,
                                .since_ticks = 5});
    state.channels.push_back({.index = 0, .identity = 7, .name = 0, .capacity = 3, .length = 3});
    state.pools.resize(1);
    state.workers.resize(1);
    state.index();
    return state;
}

void evaluate(const std::shared_ptr<const Rule>& rule) {
    static const inspect::StateImage state = small_state();
    static const std::vector<PoolFacts> pools = pool_facts(state);
    const Names names(state.strings, state.sites, state.pools);
    const std::vector<Objects> references = find_references(*rule, state, pools);
    wire::DecodedEvent event;
    event.type = wire::EventType::kSuspend;
    EventFacts facts;
    facts.event = &event;
    facts.identity = 1;
    facts.site = 0;
    Scope scope;
    scope.names = &names;
    scope.event = &facts;
    scope.references = references.data();
    scope.subject = {.coroutine = &state.coroutines[0],
                     .channel = &state.channels[0],
                     .worker = &state.workers[0],
                     .pool = &pools[0]};
    scope.now_ticks = 1000;
    scope.ns_per_tick = 1;
    Evaluator evaluator(rule);
    const Truth first = evaluator.evaluate(scope);
    if (evaluator.evaluate(scope) != first) std::abort();
    // What is recorded now and resolved with what is known now is the same.
    if (evaluator.resolved(evaluator.recorded(scope), facts.blocked) != first) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
    const std::string text(reinterpret_cast<const char*>(data), bytes);
    auto rule = Rule::parse(text);
    if (rule.ok()) {
        evaluate(*rule);
        return 0;
    }
    const std::string& message = rule.error().message;
    const std::size_t lines = static_cast<std::size_t>(std::count(message.begin(), message.end(), '\n'));
    if (message.empty() || (lines != 2 && bytes <= kRuleBytesMax)) std::abort();
    return 0;
}
