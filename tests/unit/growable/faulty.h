// Coroutines of growable code that fault where their stack is a chain of segments (faulty.cpp).
#pragma once

#include <cprime/cprime.h>

namespace cprime::test {

enum class FaultKind { write, divide, call, in_ordinary_code, abort };

// On a Micro slot: faults `depth` growing frames deep; in the outermost of them it has deferred ++deferred.
JoinHandle<int> spawn_faulty(FaultKind kind, int depth, int& deferred);
// On a Micro slot: parks `depth` growing frames deep until the gate closes; answers how many frames there were.
JoinHandle<int> spawn_deep(const Receiver<int>& gate, int depth);

// Ordinary code (fault_growable_test.cpp).
void write_far_below(volatile int* where);

}  // namespace cprime::test
