// Rings come and go with threads, their memory comes when first listened to, and one viewer's tails hold them back.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>

#include "instrumentation/base/check.h"
#include "instrumentation/emit/armed_rule.h"
#include "instrumentation/emit/fork_guard.h"
#include "instrumentation/emit/ring_writer.h"
#include "instrumentation/emit/shared_memory.h"
#include "instrumentation/wire/handshake.h"
#include "instrumentation/wire/segment.h"

namespace coroscope::emit {
namespace {

using wire::RingMode;
using wire::RingOwner;

// The process's ring segment, for threads that are no workers.
struct ProcessRings {
    std::mutex lock;
    RingSegment* segment = nullptr;
    // Grows whenever a segment comes or goes, so that a thread knows whether its ring is still there. Written under the
    // lock; read without it as a hint (relaxed: whoever acts on it takes the lock first).
    std::atomic<std::uint64_t> generation{0};
};

ProcessRings& process_rings() {
    static auto* rings = new ProcessRings;  // never destroyed: threads may outlive static objects
    return *rings;
}

// An outside thread's ring, given back when the thread ends.
struct ThreadRing {
    RingWriter* writer = nullptr;
    std::uint64_t generation = 0;

    ~ThreadRing() {
        if (writer == nullptr || forked_child()) return;
        ProcessRings& rings = process_rings();
        std::lock_guard hold(rings.lock);
        if (rings.generation.load(std::memory_order_relaxed) == generation)
            rings.segment->unregister_thread(writer);
    }
};

thread_local ThreadRing t_ring;

}  // namespace

RingSegment::RingSegment() : writers_(new RingWriter[wire::kRingsMax]) {}

base::Result<std::unique_ptr<RingSegment>> RingSegment::create(std::uint64_t nonce, bool shared) {
    std::unique_ptr<RingSegment> segment(new RingSegment);
    if (shared) {
        auto file = create_shared_file(wire::kRingMemfdName);
        if (!file) return file.error();
        segment->fd_ = file->writable.release();
        segment->read_only_fd_ = file->read_only.release();
        guard_descriptor(segment->fd_);
        guard_descriptor(segment->read_only_fd_);
    }
    std::uint64_t bytes = reservation_limit(wire::kRingReservationBytes) / wire::kPageBytes * wire::kPageBytes;
    const std::uint64_t least = wire::kRingDirectoryBytes + wire::kPageBytes + wire::kWorkerRingBytes;
    for (; bytes >= least && segment->base_ == nullptr; bytes /= 2) {
        segment->base_ = reserve(segment->fd_, bytes);
        segment->reservation_bytes_ = bytes;
    }
    void* window = mmap(nullptr, wire::kReaderPageBytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (segment->base_ == nullptr || window == MAP_FAILED) {
        return base::error(base::ErrorCode::kRefused,
                           "there is no address space for event rings: raise `ulimit -v`");
    }
    segment->reader_window_ = static_cast<std::byte*>(window);
    if (shared && ftruncate(segment->fd_, wire::kRingDirectoryBytes) != 0) {
        return base::error(base::ErrorCode::kRefused,
                           "the ring segment cannot grow: " + base::errno_text(errno));
    }
    segment->file_bytes_ = wire::kRingDirectoryBytes;
    if (!populate_pages(segment->base_, wire::kRingDirectoryBytes)) {
        return base::error(base::ErrorCode::kRefused, "there is no memory for the directory of event rings");
    }
    wire::RingSegmentHeader& header = segment->header();
    header.version_major = wire::kWireMajor;
    header.version_minor = wire::kWireMinor;
    header.rings_max = wire::kRingsMax;
    header.segment_nonce = nonce;
    header.magic = wire::kRingMagic;

    ProcessRings& rings = process_rings();
    std::lock_guard hold(rings.lock);
    CHECK(rings.segment == nullptr);
    rings.segment = segment.get();
    rings.generation.fetch_add(1, std::memory_order_relaxed);
    return segment;
}

RingSegment::~RingSegment() {
    if (forked_child()) return;  // what was ours belongs to the parent alone
    {
        ProcessRings& rings = process_rings();
        std::lock_guard hold(rings.lock);
        if (rings.segment == this) {
            g_listen.mask.store(0, std::memory_order_relaxed);
            g_listen.written.store(0, std::memory_order_relaxed);
            g_listen.rule.store(nullptr, std::memory_order_seq_cst);
            g_listen.mode.store(static_cast<std::uint32_t>(RingMode::kOff), std::memory_order_relaxed);
            g_listen.epoch.fetch_add(1, std::memory_order_release);  // [ring.epoch]
            rings.segment = nullptr;
            rings.generation.fetch_add(1, std::memory_order_relaxed);
        }
    }
    unreserve(base_, reservation_bytes_);
    if (reader_window_ != nullptr) munmap(reader_window_, wire::kReaderPageBytes);
    for (const int fd : {fd_, read_only_fd_}) {
        if (fd < 0) continue;
        unguard_descriptor(fd);
        close(fd);
    }
}

RingWriter* RingSegment::register_thread(RingOwner owner, std::uint32_t owner_index,
                                         const std::atomic<std::uint32_t>* current) {
    const std::uint64_t bytes = owner == RingOwner::kWorker ? wire::kWorkerRingBytes : wire::kThreadRingBytes;
    const auto slots = static_cast<std::uint32_t>(bytes / wire::kEventSlotBytes);
    std::lock_guard hold(lock_);
    std::uint32_t index = 0;
    for (; index < rings_count_; ++index) {
        const bool free = header().rings[index].owner.load(std::memory_order_relaxed) ==
                          static_cast<std::uint32_t>(RingOwner::kFree);
        if (free && writers_[index].planned_slots_ == slots) break;
    }
    if (index == rings_count_ && !allot(index, slots)) return nullptr;

    RingWriter& writer = writers_[index];
    writer.current_ = current;
    writer.limit_ = 0;  // its first event goes through prepare()
    writer.sync_wanted_ = true;
    if ((g_listen.mask.load(std::memory_order_relaxed) & wire::kEventCategories) != 0) {
        populate(writer);
        writer.epoch_ = g_listen.epoch.load(std::memory_order_relaxed) - 1;  // looks for its memory
    }
    wire::RingEntry& entry = header().rings[index];
    entry.owner_index = owner_index;
    entry.thread_id.store(static_cast<std::uint32_t>(gettid()), std::memory_order_relaxed);
    // [ring.entry] release: whoever sees the owner or the count sees the entry filled in.
    entry.owner.store(static_cast<std::uint32_t>(owner), std::memory_order_release);
    header().rings_count.store(rings_count_, std::memory_order_release);
    return &writer;
}

// Takes a place in the file for a new ring; costs no memory yet.
bool RingSegment::allot(std::uint32_t index, std::uint32_t slots) {
    const std::uint64_t bytes = wire::kPageBytes + std::uint64_t{slots} * wire::kEventSlotBytes;
    if (index >= wire::kRingsMax || next_offset_ + bytes > reservation_bytes_) return false;
    if (shared() && ftruncate(fd_, static_cast<off_t>(next_offset_ + bytes)) != 0) return false;
    file_bytes_ = next_offset_ + bytes;
    RingWriter& writer = writers_[index];
    writer.index_ = index;
    writer.planned_slots_ = slots;
    writer.entry_ = &header().rings[index];
    writer.entry_->header_offset = next_offset_;
    writer.ring_ = reinterpret_cast<wire::RingHeader*>(base_ + next_offset_);
    writer.slots_ = reinterpret_cast<wire::EventSlot*>(base_ + next_offset_ + wire::kPageBytes);
    writer.reader_ = reinterpret_cast<const wire::ReaderPage*>(reader_window_);
    next_offset_ = file_bytes_;
    ++rings_count_;
    return true;
}

bool RingSegment::populate(RingWriter& writer) {
    if (writer.entry_->slots.load(std::memory_order_relaxed) != 0) return true;
    const std::uint64_t bytes = wire::kPageBytes +
                                std::uint64_t{writer.planned_slots_} * wire::kEventSlotBytes;
    if (!populate_pages(base_ + writer.entry_->header_offset, bytes)) {
        if (!memory_short_told_) {
            std::fprintf(stderr,
                         "cprime: there is no memory for the event ring of thread %u: its events are lost\n",
                         writer.entry_->thread_id.load(std::memory_order_relaxed));
        }
        memory_short_told_ = true;
        return false;
    }
    // [ring.entry] release: the memory is there before anybody is told of slots.
    writer.entry_->slots.store(writer.planned_slots_, std::memory_order_release);
    return true;
}

void RingSegment::unregister_thread(RingWriter* writer) {
    if (writer == nullptr) return;
    std::lock_guard hold(lock_);
    writer->current_ = nullptr;
    writer->entry_->thread_id.store(0, std::memory_order_relaxed);
    writer->entry_->owner.store(static_cast<std::uint32_t>(RingOwner::kFree), std::memory_order_release);
}

void RingSegment::listen(std::uint32_t mask, RingMode mode, std::uint32_t sample_period) {
    mask &= wire::kEverything;
    if (mode == RingMode::kOff) mask = 0;
    if (mask == 0) mode = RingMode::kOff;
    std::lock_guard hold(lock_);
    if (mode != RingMode::kOff && !reader_attached_) mode = RingMode::kOverwrite;
    if ((mask & wire::kEventCategories) != 0) {
        for (std::uint32_t index = 0; index < rings_count_; ++index)
            populate(writers_[index]);
    }
    header().mode.store(static_cast<std::uint32_t>(mode), std::memory_order_relaxed);
    header().mask.store(mask, std::memory_order_relaxed);
    header().sample_period.store(sample_period, std::memory_order_relaxed);
    g_listen.mode.store(static_cast<std::uint32_t>(mode), std::memory_order_relaxed);
    g_listen.sample_period.store(sample_period, std::memory_order_relaxed);
    g_listen.written.store(mask, std::memory_order_relaxed);
    announce();
}

// A new epoch: what is written, and by which rule events are judged.
void RingSegment::announce() {
    const std::uint32_t epoch = g_listen.epoch.load(std::memory_order_relaxed) + 1;
    header().epoch.store(epoch, std::memory_order_release);
    const ArmedRule* rule = g_listen.rule.load(std::memory_order_relaxed);
    const std::uint32_t judged = rule != nullptr ? rule->categories() : 0;
    // The mask before the epoch: who acts on the new epoch takes the new mask for its own. A probe that sees the mask
    // first acts as in the old epoch, once.
    g_listen.mask.store(g_listen.written.load(std::memory_order_relaxed) | judged, std::memory_order_relaxed);
    g_listen.epoch.store(epoch, std::memory_order_release);  // [ring.epoch]
}

void RingSegment::arm(std::unique_ptr<ArmedRule> rule) {
    std::lock_guard hold(lock_);
    g_listen.rule.store(rule.get(), std::memory_order_seq_cst);  // [rule.pin]
    announce();
    if (!rules_.empty()) rules_.back()->retire();
    const auto in_use = [this, &rule](const std::unique_ptr<ArmedRule>& old) {
        for (std::uint32_t index = 0; index < rings_count_; ++index)
            if (writers_[index].pinned_.load(std::memory_order_seq_cst) == old.get()) return true;  // [rule.pin]
        return false;
    };
    std::erase_if(rules_, [&](const auto& old) { return !in_use(old); });
    if (rule != nullptr) rules_.push_back(std::move(rule));
}

base::Result<RuleHits*> RingSegment::rule_hits() {
    if (rule_hits_ == nullptr) {
        auto made = RuleHits::create();
        if (!made) return made.error();
        rule_hits_ = std::move(*made);
    }
    return rule_hits_.get();
}

base::Status RingSegment::attach_reader(int fd) {
    const auto broken = [](const char* what) {
        return base::error(base::ErrorCode::kCorrupt, std::string("the viewer's reader page ") + what);
    };
    struct stat about {};
    if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) return broken("is not a memory file");
    const int seals = fcntl(fd, F_GET_SEALS);
    // Unsealed, the viewer could shorten it and the next look at a tail would kill the target.
    if (seals < 0 || (seals & (F_SEAL_SHRINK | F_SEAL_GROW)) != (F_SEAL_SHRINK | F_SEAL_GROW)) {
        return broken("is not sealed against shrinking and growing");
    }
    if (static_cast<std::uint64_t>(about.st_size) < wire::kReaderPageBytes) return broken("is too short");
    void* mapped = mmap(nullptr, wire::kReaderPageBytes, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (mapped == MAP_FAILED) return broken("cannot be mapped");
    const auto* page = static_cast<const wire::ReaderPage*>(mapped);
    if (page->magic != wire::kReaderMagic || page->rings_max < wire::kRingsMax) {
        munmap(mapped, wire::kReaderPageBytes);
        return broken("does not begin with its magic number");
    }
    // Writers may be looking at the window right now: it is replaced in one step and never a hole.
    if (mremap(mapped, wire::kReaderPageBytes, wire::kReaderPageBytes, MREMAP_MAYMOVE | MREMAP_FIXED,
               reader_window_) == MAP_FAILED) {
        munmap(mapped, wire::kReaderPageBytes);
        return broken("cannot be moved into place");
    }
    std::lock_guard hold(lock_);
    reader_attached_ = true;
    return base::ok_status();
}

void RingSegment::detach_reader() {
    {
        std::lock_guard hold(lock_);
        reader_attached_ = false;
    }
    // The bare system call: the kernel puts the zeros in place in one step, which TSan's mmap would take for a race.
    const long zeros = syscall(SYS_mmap, reader_window_, wire::kReaderPageBytes, PROT_READ,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    CHECK(zeros == reinterpret_cast<long>(reader_window_));
}

std::uint64_t RingSegment::file_bytes() const {
    std::lock_guard hold(lock_);
    return file_bytes_;
}

__attribute__((noinline)) RingWriter* thread_writer() {
    ProcessRings& rings = process_rings();
    if (t_ring.writer != nullptr && t_ring.generation == rings.generation.load(std::memory_order_relaxed)) {
        return t_ring.writer;
    }
    if (forked_child()) return nullptr;  // where the lock may be held for ever
    std::lock_guard hold(rings.lock);
    if (rings.segment == nullptr) return nullptr;
    t_ring.writer = rings.segment->register_thread(RingOwner::kThread, static_cast<std::uint32_t>(gettid()),
                                                   nullptr);
    t_ring.generation = rings.generation.load(std::memory_order_relaxed);
    return t_ring.writer;
}

namespace {

// Without a ring an event is only counted; and not even that where it would have been for a rule alone.
__attribute__((noinline, cold)) void count_without_ring(wire::EventType type) {
    if ((g_listen.written.load(std::memory_order_relaxed) & wire::category_of(type)) == 0) return;
    ProcessRings& rings = process_rings();
    std::lock_guard hold(rings.lock);
    if (rings.segment != nullptr) {
        rings.segment->header().events_without_ring.fetch_add(1, std::memory_order_relaxed);
    }
}

}  // namespace

void write_event(RingWriter* writer, std::uint64_t stamp, wire::EventType type, std::uint64_t word1) {
    if (__builtin_expect(writer == nullptr, 0)) return count_without_ring(type);
    writer->write(stamp, type, word1);
}

void write_event(RingWriter* writer, std::uint64_t stamp, wire::EventType type, std::uint64_t word1,
                 std::uint64_t ext48, std::uint64_t ext64) {
    if (__builtin_expect(writer == nullptr, 0)) return count_without_ring(type);
    writer->write(stamp, type, word1, ext48, ext64);
}

void write_event(RingWriter* writer, std::uint64_t stamp, wire::EventType type, std::uint64_t word1,
                 std::uint64_t first_ext48, std::uint64_t first_ext64, std::uint64_t second_ext48,
                 std::uint64_t second_ext64) {
    if (__builtin_expect(writer == nullptr, 0)) return count_without_ring(type);
    writer->write(stamp, type, word1, first_ext48, first_ext64, second_ext48, second_ext64);
}

}  // namespace coroscope::emit
