// See filter.h.
#include "traces/rules/filter.h"

#include "traces/rules/evaluator.h"
#include "traces/rules/lexer.h"
#include "traces/rules/state_view.h"

namespace coroscope::rules {

bool reads_as_rule(const std::string& filter) {
    for (const char* sign : {"==", "!=", "=~", "!~"}) {
        if (filter.find(sign) != std::string::npos) return true;
    }
    const auto spaced = [](char c) { return c == ' ' || c == '='; };
    for (std::size_t at = filter.find_first_of("<>"); at != std::string::npos;
         at = filter.find_first_of("<>", at + 1)) {
        const char before = at == 0 ? '\0' : filter[at - 1],
                   after = at + 1 < filter.size() ? filter[at + 1] : '\0';
        if (spaced(before) || spaced(after) || (after >= '0' && after <= '9')) return true;
    }
    return false;
}

bool is_about_events(const std::string& filter) {
    if (!reads_as_rule(filter)) return false;
    const auto rule = Rule::parse(filter);
    return rule && (*rule)->about_events();
}

base::Result<std::vector<std::uint32_t>> coroutines_that_match(const traces::Moment& moment,
                                                               const std::string& filter) {
    auto rule = Rule::parse(filter);
    if (!rule) return rule.error();
    if ((*rule)->about_events())
        return mistake(filter, 0,
                       "this rule is about events, and a table shows state: name fields of coroutines, such "
                       "as blocked_ns");
    if ((*rule)->subject() && (*rule)->subject() != Kind::kCoroutine)
        return mistake(filter, 0,
                       "this rule asks of other objects than coroutines: index them, such as channel[7]");
    const inspect::StateImage& state = moment.state;
    const Names names(state.strings, state.sites, state.pools);
    const std::vector<PoolFacts> pools = pool_facts(state);
    const std::vector<Objects> references = find_references(**rule, state, pools);
    Evaluator evaluator(*rule);
    Scope scope = moment_scope(state, names);
    scope.references = references.data();
    std::vector<std::uint32_t> positions;
    for (std::uint32_t i = 0; i < state.coroutines.size(); ++i) {
        scope.subject = {.coroutine = &state.coroutines[i]};
        if (evaluator.evaluate(scope) == Truth::kTrue) positions.push_back(i);
    }
    return positions;
}

}  // namespace coroscope::rules
