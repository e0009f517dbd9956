// The registers of a thread that stands still, as far as a walk wants them. Plain values.
#pragma once

#include <cstdint>

namespace coroscope::inspect {

struct ThreadRegisters {
    std::uint64_t rip = 0, rsp = 0, rbx = 0, rbp = 0, r12 = 0, r13 = 0, r14 = 0, r15 = 0, fs_base = 0;
};

}  // namespace coroscope::inspect
