// Compiled with -O0, whatever the build.
#include "unoptimised_body.h"

#include <cprime/spawn.h>

#include "runtime/entry/runtime_state.h"

namespace cprime::test {
namespace {

std::uint8_t pool_of(const SpawnOptions& options, Place place) {
    auto handle = spawn(
        options, [] {}, place);
    std::uint32_t index = 0;
    while (detail::detail(index).identity.load() != handle.id())
        ++index;
    const std::uint8_t pool = detail::record(index).pool;
    handle.join();
    return pool;
}

}  // namespace

std::uint8_t pool_of_hint_for_micro() {
    return pool_of({.stack_bytes = 60}, CPRIME_HERE);
}
std::uint8_t pool_of_wish_for_micro() {
    return pool_of({.size_class = size_class::micro}, CPRIME_HERE);
}

}  // namespace cprime::test
