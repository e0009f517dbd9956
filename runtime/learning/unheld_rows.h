// Rows of the size table that did not hold: a stack of the site overflowed, or grew, in the class that the row had chosen.
//
// A growth is survived, so the sentence about it comes once a site and class, and the table of CPRIME_LEARN is told at the end of the program. An
// overflow is not: what is to be learned of it goes into FILE.wrong at once (table_file.h).
//
// Not a failure of the row: what call_on_bigger_stack asks for, coroutines of signals, and slots in the program's own memory.
//
// Thread: any worker, on its own or its alternate stack. Async-signal-safe. Tested in tests/unit/runtime/learning_test.cpp and
// tests/e2e/learn_test.py.
#pragma once

#include <cstdint>

namespace cprime::detail {

// A stack of coroutine `index` wanted `bytes`, which its slot did not hold, and grew.
void note_unheld_growth(std::uint32_t index, std::uint64_t bytes);

// The same of one that ends the program: part of the report of the overflow.
void say_unheld_overflow(std::uint32_t index, std::uint64_t bytes);

}  // namespace cprime::detail
