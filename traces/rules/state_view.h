// The objects that a rule names, found in a state image; and the facts of its pools.
//
// Of several objects with one name the newest is meant. Thread: pure. Tested in tests/unit/rules/query_test.cpp.
#pragma once

#include <string_view>
#include <vector>

#include "instrumentation/inspect/state_image.h"
#include "traces/rules/facts.h"
#include "traces/rules/rule.h"

namespace coroscope::rules {

// A scope in which the state is now; subject and references are missing yet.
Scope moment_scope(const inspect::StateImage& state, const Names& names);

std::vector<PoolFacts> pool_facts(const inspect::StateImage& state);
// Position of the pool that is meant in `pools`; their size: none.
std::size_t find_pool(const std::vector<PoolFacts>& pools, const Reference& reference);
// Whether an object with this identity and name is meant.
bool is_meant(const Reference& reference, std::uint64_t identity, std::string_view name);

// One for each of the rule's references. Pointers into `state` and `pools`.
std::vector<Objects> find_references(const Rule& rule, const inspect::StateImage& state,
                                     const std::vector<PoolFacts>& pools);

}  // namespace coroscope::rules
