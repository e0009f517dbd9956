// See faulty.h.
#include "faulty.h"

#include <cstdlib>

namespace cprime::test {
namespace {

volatile int* volatile nowhere = nullptr;
void (*volatile no_function)() = nullptr;
volatile int zero = 0;

[[gnu::noinline]] int fault(FaultKind kind) {
    switch (kind) {
        case FaultKind::write:
            *nowhere = 1;
            return 1;
        case FaultKind::divide: {
            int quotient = 1;
            asm volatile("cltd; idivl %1" : "+a"(quotient) : "m"(zero) : "edx");
            return quotient;
        }
        case FaultKind::call:
            no_function();
            return 2;
        case FaultKind::in_ordinary_code:
            write_far_below(nowhere);
            return 3;
        case FaultKind::abort:
            std::abort();
    }
    return 4;
}

template <typename Bottom>
[[gnu::noinline]] int descend(int depth, const Bottom& bottom) {
    volatile char frame[700] = {};
    frame[0] = static_cast<char>(depth);
    const int below = depth == 0 ? bottom() : descend(depth - 1, bottom);
    return below + 1 + frame[1];
}

}  // namespace

JoinHandle<int> spawn_faulty(FaultKind kind, int depth, int& deferred) {
    static unsigned site = 0;
    ++site;  // one that has grown begins in a larger class
    return spawn(
        {.name = "faulty", .size_class = size_class::micro},
        [kind, depth, &deferred] {
            const auto later = defer([&deferred] { ++deferred; });
            return descend(depth, [kind] { return fault(kind); });
        },
        Place{"faulty.cpp", "spawn_faulty", site, 1});
}

JoinHandle<int> spawn_deep(const Receiver<int>& gate, int depth) {
    return spawn({.name = "deep", .size_class = size_class::micro},
                 [gate, depth] { return descend(depth, [&gate] { return gate.receive() ? 1 : 0; }); });
}

}  // namespace cprime::test
