// SizeProof: what was proven of the stacks of one spawn site of one build, as a size table keeps it.
//
// The proof itself is made elsewhere, from the binary (instrumentation/bounds); this layer only keeps what it is told, as words and numbers.
// Two proofs of the same site (spawned in a template, or proven on two machines with different libraries) join to the one that promises less:
// the larger bound, and none where one of them is unproven. Joining is commutative, associative, and the same twice.
//
// Thread: one at a time. Tested in tests/unit/traces/sizes_test.cpp and size_join_test.cpp.
#pragma once

#include <compare>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace coroscope::traces {

// An instruction of a binary file: `address` is as that file has it. What a viewer shows as code.
struct SizePlace {
    std::string binary;
    std::uint64_t address = 0;
    auto operator<=>(const SizePlace&) const = default;
};

// Of many reasons the nearest are kept: those with the shortest way to the function that has them.
inline constexpr std::size_t kSizeReasonsMax = 8;

struct SizeReason {
    std::vector<std::string> path;  // calls from what is spawned to the function that has the reason
    std::string text;               // "demo::watch calls through a pointer"
    std::string binary;             // in which the instruction is
    std::uint64_t address = 0;
    std::vector<SizePlace> places = {};  // where each function of the path goes on to the next, the last one's as above; none: not known

    std::strong_ordering operator<=>(const SizeReason& other) const;
    bool operator==(const SizeReason& other) const = default;
};

struct SizeProof {
    std::string symbol = {};  // of the function that spawns
    bool proven = false;
    std::uint64_t bound_bytes = 0, call_depth = 0;  // of a proven one
    bool recursion = false;
    std::vector<std::string> path = {};    // of a proven one: the calls that go deepest
    std::vector<SizePlace> places = {};      // where each function of the path calls the next, and where the last one begins; none: not known
    std::set<std::string> contracts = {};    // what it takes on trust of functions of libraries, with the evidence
    std::set<std::string> assumptions = {};  // what it rests on besides, in sentences
    std::set<SizeReason> reasons = {};       // why it is not proven

    void merge(const SizeProof& other);
    bool operator==(const SizeProof& other) const = default;
};

}  // namespace coroscope::traces
