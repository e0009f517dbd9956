// See select_micro_body.cpp.
#pragma once

#include <cprime/cprime.h>

#include <atomic>

namespace cprime::test {

struct MicroChoice {
    Receiver<int> a, b;
    std::atomic<long> sum{0};
};
// Spawns who sums what comes on the two channels until both are closed. The choice outlives it.
using ChooseInMicro = JoinHandle<void> (*)(MicroChoice& choice);
ChooseInMicro choose_in_micro_O1();
ChooseInMicro choose_in_micro_O2();
ChooseInMicro choose_in_micro_O3();

}  // namespace cprime::test
