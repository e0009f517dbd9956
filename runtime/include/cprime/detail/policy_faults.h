// What a scheduling policy may not do: each ends the program with one sentence that names it. Not part of the public interface.
//
// Thread: any; called by the scheduler that asks the policy.
#pragma once

#include <cstdint>
#include <string_view>

namespace cprime::detail {

enum class PolicyFault : std::uint8_t {
    names_nobody,      // number: how many it was given that it has not named
    names_a_stranger,  // number: the id that it named
    denies_some,       // empty() says yes; number: how many it has
    claims_some,       // empty() says no; number: 0
};
// "cprime: the scheduling policy '<policy>' ...".
[[noreturn, gnu::cold]] void policy_misbehaves(std::string_view policy, PolicyFault fault,
                                               std::uint64_t number);

// What empty() said, and how many the policy was given that it has not named.
inline void check_policy_empty(std::string_view policy, bool says_empty, std::uint64_t left) {
    if (__builtin_expect(says_empty != (left == 0), 0))
        policy_misbehaves(policy, left == 0 ? PolicyFault::claims_some : PolicyFault::denies_some, left);
}

}  // namespace cprime::detail
