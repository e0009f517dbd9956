// All bodies of the corpus in a program of their own, which loads nothing while it runs: only of such a program is it known whom calls through
// pointers of a type may reach. bounds_test analyzes it, and runs it to hear how deep each body went.
//
// Prints a line a body: its symbol and the bytes below its return address. Each runs once before, unpainted, so that calls are bound.
#include <algorithm>
#include <cstdio>

#include "bodies.h"
#include "painted_stack.h"

namespace coroscope::bounds::test {
namespace {

constexpr long kArguments[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 36, 49, 289, 498, 999, 1000003};
constexpr std::size_t kStackBytes = 256 << 10;

void measure(const Bodies& bodies) {
    PaintedStack stack(kStackBytes);
    for (const Body& body : bodies) {
        std::size_t deepest = 0;
        for (const long argument : kArguments) {
            body.function(argument);
            deepest = std::max(deepest, stack.depth_of(body.function, argument));
        }
        std::printf("%s %zu\n", body.symbol, deepest);
    }
}

}  // namespace
}  // namespace coroscope::bounds::test

int main() {
    using namespace coroscope::bounds::test;
    for (Bodies (*bodies)() : {&bodies_O0, &bodies_O1, &bodies_O2, &bodies_O3, &bodies_clash,
                               &library_bodies_O0, &library_bodies_O1, &library_bodies_O2, &library_bodies_O3})
        measure(bodies());
    if (__builtin_cpu_supports("avx2") != 0) measure(bodies_wide());
}
