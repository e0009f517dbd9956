// See ring_to_memory.h.
#include "emit/ring_to_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>
#include <vector>

#include "instrumentation/emit/probes.h"
#include "instrumentation/wire/ring_reader.h"

namespace coroscope::bench {
namespace {

constexpr auto kPause = std::chrono::microseconds(300);  // between two rounds, as the recorder's (traces/event_pump.cpp)

// The reader's own page, which the writer's side maps.
class ReaderSide {
public:
    ReaderSide() : fd_(memfd_create("reader-page", MFD_CLOEXEC | MFD_ALLOW_SEALING)) {
        const bool sized = fd_ >= 0 && ftruncate(fd_, wire::kReaderPageBytes) == 0 &&
                           fcntl(fd_, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0;
        void* data = sized ? mmap(nullptr, wire::kReaderPageBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0) : MAP_FAILED;
        if (data == MAP_FAILED) std::abort();
        page_ = static_cast<wire::ReaderPage*>(data);
        page_->magic = wire::kReaderMagic;
        page_->rings_max = wire::kRingsMax;
        beat();
    }
    ~ReaderSide() {
        munmap(page_, wire::kReaderPageBytes);
        close(fd_);
    }
    ReaderSide(const ReaderSide&) = delete;
    ReaderSide& operator=(const ReaderSide&) = delete;

    int fd() const { return fd_; }
    wire::ReaderPage& page() { return *page_; }
    void beat() { page_->heartbeat_ns.store(now_ns(), std::memory_order_relaxed); }

private:
    const int fd_;
    wire::ReaderPage* page_ = nullptr;
};

constexpr std::uint64_t kBurst = 1024;  // events between two looks at the clock, where there is a pace

struct Taken {
    std::uint64_t events = 0, wrong = 0;
};

// Resumes carry their number in object and argument.
void count(std::span<const wire::EventSlot> slots, Taken& taken) {
    for (const wire::EventSlot slot : slots) {
        if (wire::slot_type(slot) != wire::EventType::kResume) continue;
        ++taken.events;
        taken.wrong += (wire::slot_object(slot) & 0xffffffU) != (wire::slot_argument(slot) & 0xffffffU) ? 1 : 0;
    }
}

}  // namespace

Measured ring_to_memory(emit::RingSegment& segment, emit::RingWriter& writer, std::uint64_t count_wanted, std::uint64_t million_per_s) {
    ReaderSide side;
    if (!segment.attach_reader(side.fd()).ok()) std::abort();
    segment.listen(wire::kCategoryCoroutine, wire::RingMode::kDropAndCount, 0);
    const wire::RingLocation ring = wire::RingSegmentView::open(segment.data(), segment.file_bytes()).value().ring(writer.index());
    wire::RingReader reader(writer.index());
    reader.skip_to_head(ring);
    reader.publish_tail(side.page());
    const std::uint64_t dropped_before = ring.header->dropped_total.load();
    std::atomic<bool> stop{false};
    Taken taken;
    std::thread drain([&] {
        std::vector<wire::EventSlot> slots(ring.slots_count);
        for (bool last = false;;) {
            const wire::RingBatch batch = reader.read(ring, slots);
            reader.publish_tail(side.page());
            side.beat();
            count({slots.data(), batch.accepted}, taken);
            if (batch.accepted != 0) {
                std::this_thread::sleep_for(kPause);
            } else if (last) {
                return;
            }
            last = stop.load(std::memory_order_acquire);
        }
    });
    const std::uint64_t stamp = base::read_tsc();
    const std::uint64_t begin_ns = now_ns();
    for (std::uint64_t i = 0; i < count_wanted; ++i) {
        if (million_per_s != 0 && i % kBurst == 0) {
            while (now_ns() - begin_ns < i * 1000 / million_per_s) {
            }
        }
        const auto number = static_cast<std::uint32_t>(i) & 0xffffffU;
        emit::probe::resume(&writer, stamp, number, number, number);
    }
    const std::uint64_t end_ns = now_ns();
    stop.store(true, std::memory_order_release);
    drain.join();
    segment.listen(0, wire::RingMode::kOff, 0);
    segment.detach_reader();
    const std::uint64_t dropped = ring.header->dropped_total.load() - dropped_before;
    if (taken.events + dropped != count_wanted) ++taken.wrong;  // the books do not balance
    return {.elapsed_ns = end_ns - begin_ns,
            .operations = count_wanted,
            .extra = {{"million_per_s", static_cast<double>(count_wanted) / static_cast<double>(end_ns - begin_ns) * 1e3},
                      {"dropped", static_cast<double>(dropped)},
                      {"wrong", static_cast<double>(taken.wrong)}}};
}

}  // namespace coroscope::bench
