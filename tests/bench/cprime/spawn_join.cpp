// Coroutines that end at once, of the default class.
#include <cprime/cprime.h>

#include <vector>

#include "cprime/workloads.h"

namespace coroscope::bench::cprime_side {

Measured spawn_join(std::uint64_t count) {
    std::uint64_t ran = 0;
    const std::uint64_t begin_ns = now_ns();
    for (std::uint64_t i = 0; i < count; ++i) {
        auto handle = cprime::spawn("short", [&ran] { ++ran; });
        handle.join();
    }
    const std::uint64_t end_ns = now_ns();
    return {.elapsed_ns = end_ns - begin_ns, .operations = ran, .extra = {}};
}

Measured spawn_join_1000(std::uint64_t count) {
    constexpr std::size_t kBatch = 1000;
    const std::uint64_t batches = count / kBatch + 1;
    std::uint64_t ran = 0;
    std::vector<cprime::JoinHandle<void>> handles;
    handles.reserve(kBatch);
    const std::uint64_t begin_ns = now_ns();
    for (std::uint64_t batch = 0; batch < batches; ++batch) {
        for (std::size_t i = 0; i < kBatch; ++i)
            handles.push_back(cprime::spawn("short", [&ran] { ++ran; }));
        for (auto& handle : handles)
            handle.join();
        handles.clear();
    }
    const std::uint64_t end_ns = now_ns();
    return {.elapsed_ns = end_ns - begin_ns, .operations = ran, .extra = {}};
}

}  // namespace coroscope::bench::cprime_side
