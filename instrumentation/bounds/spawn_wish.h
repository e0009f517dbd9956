// The size class that a spawn wishes for, read from the code that fills its request: a constant is written to a byte of it before the call.
//
//   lea  rax, [closure_type<F, T>]     the reference from which a spawn site is known (spawn_sites.h)
//   mov  [rsp + 0xd0], rax             so here is the request: its first word is the type
//   mov  word ptr [rsp + 0x100], ax    and here its byte 48: the wish, alone or with its neighbours
//   call cprime_park
//
// Unoptimised code fills a SpawnOptions in its frame and hands it to the template:
//
//   mov  byte ptr [rbp - 0x60], 1      its byte 16: the wish; its other members are constants, too
//   lea  rsi, [rbp - 0x70]
//   call cprime::spawn<...>(cprime::SpawnOptions const&, ...)
//
// Only what is certain is said: instructions are followed in their order from the last place that a jump leads to, and a value that is not a
// constant of the code or of read-only data is not known.
//
// Thread: one at a time. Tested in tests/build/use_sizes_test.py, on code as the compiler makes it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "instrumentation/bounds/binary.h"

namespace coroscope::bounds {

class WishReader {
public:
    explicit WishReader(Binary& binary) : binary_(binary) {}

    // `reference`: the instruction that takes the address of the closure's type. SizeClass + 1; 0 = none, or it is not known.
    std::uint8_t wish_at(std::uint64_t reference);
    // `call`: of a function template of the runtime that was not inlined. The same, of the options that it is handed.
    std::uint8_t wish_of_options(std::uint64_t call);

private:
    Binary& binary_;
    // Of code to look at, all spawns together: a program that spawns ten thousand times in a function of a megabyte is not worth minutes.
    std::size_t bytes_left_ = 8U << 20;
};

}  // namespace coroscope::bounds
