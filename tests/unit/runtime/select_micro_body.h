// See select_micro_body.cpp.
#pragma once

#include <cprime/cprime.h>

#include <atomic>

namespace cprime::test {

// Sums what comes on two channels until both are closed.
using MicroChoice = JoinHandle<void> (*)(const Receiver<int>& a, const Receiver<int>& b,
                                         std::atomic<long>& sum);
MicroChoice micro_choice_O1();
MicroChoice micro_choice_O2();
MicroChoice micro_choice_O3();

}  // namespace cprime::test
