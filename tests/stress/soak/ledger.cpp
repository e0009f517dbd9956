// Looks behind the public interface: the tables of the runtime, /proc, malloc.
#include "ledger.h"

#include <malloc.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include "instrumentation/wire/segment.h"
#include "runtime/channels/arms.h"
#include "runtime/channels/channel_tables.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/switch/sanitizer.h"
#include "runtime/sync/waitable_tables.h"
#include "world.h"

namespace cprime::soak {
namespace {

namespace wire = coroscope::wire;

void expect_none(std::uint64_t count, const char* of_what) {
    if (count != 0) fail(std::to_string(count) + " " + of_what + " left over");
}

std::uint32_t records_used(wire::SectionKind kind) {
    const auto section = static_cast<std::uint32_t>(kind);
    return detail::g_runtime->segment->header().sections[section].records_used.load();
}

std::uint64_t entries_in(const char* folder) {
    return static_cast<std::uint64_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

}  // namespace

void check_runtime() {
    detail::RuntimeState& state = *detail::g_runtime;
    expect_none(state.scheduler.alive(), "coroutines are");
    for (std::uint8_t pool = 0; pool < detail::kPoolsCount; ++pool)
        expect_none(state.pools.used(pool), "slots are");
    expect_none(state.timers.armed(), "deadlines are");
    expect_none(state.failures.any() ? 1 : 0, "failure that nobody was told is");
    // The pool's thread counts its caller out after it has made it ready; one that never does is the watchdog's.
    while (state.blocking.anybody_calls())
        std::this_thread::yield();
    if (const std::uint32_t known = records_used(wire::SectionKind::kSelectArms); known != 0) {
        const std::uint32_t all = detail::g_arms.take(known);
        expect_none(records_used(wire::SectionKind::kSelectArms) - known, "arms of selects are");
        detail::g_arms.give(all);
    }
    std::uint64_t channels = 0, handles = 0, objects = 0;
    for (std::uint32_t i = 0; i < detail::g_channels.channels_count(); ++i)
        channels += (detail::g_channels.channel(i).flags.load() & wire::kChannelLive) != 0 ? 1 : 0;
    for (std::uint32_t i = 0; i < records_used(wire::SectionKind::kHandles); ++i)
        handles += detail::g_channels.handle(i).rights.load() != 0 ? 1 : 0;
    for (std::uint32_t i = 0; i < detail::g_waitables.count(); ++i)
        objects += detail::g_waitables.record(i).kind.load() != wire::WaitableKind::kFree ? 1 : 0;
    expect_none(channels, "channels are");
    expect_none(handles, "handles of channels are");
    expect_none(objects, "synchronisation objects are");
    expect_none(static_cast<std::uint64_t>(Item::alive.load()), "items are");
}

Process look_at_process() {
    Process process;
    process.descriptors = entries_in("/proc/self/fd");
    process.threads = entries_in("/proc/self/task");
    if (!detail::kSanitizer) {
        const struct mallinfo2 heap = mallinfo2();
        process.heap_bytes = heap.uordblks + heap.hblkhd;
    }
    std::ifstream pages("/proc/self/statm");
    std::uint64_t size = 0, resident = 0;
    pages >> size >> resident;
    process.resident_bytes = resident * wire::kPageBytes;
    return process;
}

}  // namespace cprime::soak
