// The steps of one execution, kept so that a failure can tell how it came about.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "operation.h"

namespace model {

struct Step {
    int thread;         // 0: setup and finally
    std::uint32_t age;  // of the store that was read; 0 = the newest
    Operation operation;
};

// A line a step: thread, what it did, values and orders, place, and the source's own line where the file can be read.
std::string describe(const std::vector<Step>& steps);
// "file:line".
std::string place(const std::source_location& where);

}  // namespace model
