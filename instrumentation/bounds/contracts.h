// Functions about whom more is known than their code says: what they take of a coroutine's stack is a contract, kept by hand, each with its
// evidence. tests/unit/bounds/contracts_test.cpp measures what can be measured.
//
// Thread: any; constants.
#pragma once

#include <cstdint>
#include <string_view>

namespace coroscope::bounds {

struct Contract {
    enum class Kind : std::uint8_t {
        kTakes,  // `depth` bytes below its return address, and it returns
        kEnds,  // the program: what it takes then is not counted, which is an assumption of every bound over it
        kEarlier,  // was done before the first coroutine began, and is not done again: not counted, an assumption too
        kThrows,  // unwinds, or handles what was thrown: no bound, and no return
        kWarm,  // the same of a thread that has allocated, where that is wished for; else its code is all there is
        kGrows,  // goes on with another segment of the stack where its caller's prologue found too little room, which it says how much is
    };
    std::string_view name;  // of the symbol
    Kind kind = Kind::kTakes;
    std::uint32_t depth = 0;
    const char* evidence = "";
};

// Of what the C library does without coming back.
const Contract& library_end();

// nullptr: its code is all there is.
const Contract* contract_of(std::string_view symbol);

// What every coroutine's stack holds besides its entry function: how much in all, when that takes `entry_depth` bytes below its return address
// and the closure `closure_bytes` above. (runtime/switch/park_x86_64.S, runtime/scheduler/spawn.cpp)
std::uint64_t coroutine_bytes(std::uint64_t entry_depth, std::uint64_t closure_bytes,
                              std::uint64_t closure_alignment);

}  // namespace coroscope::bounds
