// The ring half of a Target: mapping the ring segment, asking for events, draining, and the reader page.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "instrumentation/inspect/target_impl.h"

namespace coroscope::inspect {
namespace {

using base::ErrorCode;

std::uint64_t monotonic_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000ULL + static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace

base::Result<SharedArea> SharedArea::create(const char* name, std::uint64_t bytes) {
    SharedArea area;
    area.fd_ = base::FileDescriptor(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    void* data = MAP_FAILED;
    if (area.fd_ && ftruncate(area.fd_.get(), static_cast<off_t>(bytes)) == 0 &&
        fcntl(area.fd_.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0) {
        data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, area.fd_.get(), 0);
    }
    if (data == MAP_FAILED) {
        return base::error(ErrorCode::kInternal, std::string("no shared memory can be made for ") + name +
                                                     ": " + base::errno_text(errno) + "; free some memory");
    }
    area.data_ = static_cast<std::uint8_t*>(data);
    area.bytes_ = bytes;
    return area;
}

base::Status Target::Impl::open_rings(base::FileDescriptor fd, std::uint64_t nonce) {
    auto mapping = SharedMapping::open(std::move(fd), sizeof(wire::RingSegmentHeader),
                                       "the ring segment of " + name());
    if (!mapping) return mapping.error();
    ring_mapping = std::move(*mapping);
    auto view = wire::RingSegmentView::open(ring_mapping.data(), ring_mapping.bytes());
    if (!view) return base::error(view.error().code, name() + " cannot be read: " + view.error().message);
    rings = *view;
    if (rings.header().segment_nonce != nonce) {
        return base::error(ErrorCode::kCorrupt, name() + " sent a ring segment that is not its own");
    }
    // What happened before we came is not ours to take: start where the writers are.
    for (std::uint32_t ring = 0; ring < rings.rings_count(); ++ring)
        reader(ring).skip_to_head(location(ring));
    return base::ok_status();
}

base::Status Target::Impl::become_recorder() {
    auto area = SharedArea::create("coroscope-reader", wire::kReaderPageBytes);
    if (!area) return area.error();
    reader_page = std::move(*area);
    page()->rings_max = wire::kRingsMax;
    page()->viewer_pid = static_cast<std::uint32_t>(getpid());
    page()->heartbeat_ns.store(monotonic_ns(), std::memory_order_relaxed);
    page()->magic = wire::kReaderMagic;
    for (const wire::RingReader& ring_reader : readers)
        ring_reader.publish_tail(*page());
    auto message = agent.request(wire::MessageType::kAttach, nullptr, 0, reader_page.fd(),
                                 wire::MessageType::kReply, options.timeout_ms);
    if (!message) return message.error();
    const auto* reply = message->as<wire::Reply>();
    if (reply == nullptr || reply->status == wire::ReplyStatus::kOk) return base::ok_status();
    if (reply->status == wire::ReplyStatus::kRecorderPresent) {
        return base::error(ErrorCode::kRefused, name() + " is already being recorded by process " +
                                                    std::to_string(reply->detail) +
                                                    ": end that recording first");
    }
    return base::error(ErrorCode::kRefused, name() + " refused to be recorded (reply " +
                                                std::to_string(static_cast<std::uint32_t>(reply->status)) +
                                                ")");
}

wire::RingReader& Target::Impl::reader(std::uint32_t ring) {
    while (readers.size() <= ring)
        readers.emplace_back(static_cast<std::uint32_t>(readers.size()));
    return readers[ring];
}

wire::RingLocation Target::Impl::location(std::uint32_t ring) {
    std::uint64_t needs_bytes = 0;
    const wire::RingLocation found = rings.ring(ring, &needs_bytes);
    if (needs_bytes <= ring_mapping.bytes() || !ring_mapping.refresh()) return found;
    auto view = wire::RingSegmentView::open(ring_mapping.data(), ring_mapping.bytes());
    if (!view) return {};
    rings = *view;
    return rings.ring(ring);
}

base::Status Target::listen(std::uint32_t mask, wire::RingMode mode, std::uint32_t sample_period, std::uint32_t flags) {
    const wire::Listen listen{mask, static_cast<std::uint32_t>(mode), sample_period, flags};
    auto message = impl_->agent.request(wire::MessageType::kListen, &listen, sizeof listen, -1,
                                        wire::MessageType::kReply, impl_->options.timeout_ms);
    if (!message) return message.error();
    const auto* reply = message->as<wire::Reply>();
    if (reply != nullptr && reply->status == wire::ReplyStatus::kOk) return base::ok_status();
    if (reply != nullptr && reply->status == wire::ReplyStatus::kRecorderPresent) {
        return base::error(ErrorCode::kRefused, impl_->name() + " is being recorded by process " +
                                                    std::to_string(reply->detail) +
                                                    ", which decides what is listened to");
    }
    return base::error(ErrorCode::kRefused, impl_->name() + " refused to emit the events asked for");
}

std::uint32_t Target::rings_count() const {
    return impl_->rings.rings_count();
}

wire::RingOwner Target::ring_owner(std::uint32_t ring, std::uint32_t* owner_index) const {
    const wire::RingLocation location = impl_->location(ring);
    if (owner_index != nullptr) *owner_index = location.owner_index;
    return location.owner;
}

std::size_t Target::drain(std::uint32_t ring, std::vector<wire::EventSlot>& out,
                          std::uint64_t* first_position, std::uint64_t* overtaken) {
    if (ring >= wire::kRingsMax) return 0;
    const wire::RingLocation location = impl_->location(ring);
    if (location.slots_count == 0) return 0;
    wire::RingReader& reader = impl_->reader(ring);
    const std::size_t before = out.size();
    const std::uint64_t head = location.header->head.load(std::memory_order_acquire);  // [ring.publish]
    const std::uint64_t pending = std::min<std::uint64_t>(head - std::min(head, reader.position()),
                                                          location.slots_count);
    out.resize(before + pending);
    wire::RingBatch batch;
    // A batch that was overtaken in full says so and brings nothing: the next one starts further on.
    do {
        batch = reader.read(location, std::span(out).subspan(before));
        if (overtaken != nullptr) *overtaken += batch.skipped;
    } while (batch.accepted == 0 && batch.skipped != 0);
    out.resize(before + batch.accepted);
    if (first_position != nullptr) *first_position = batch.first_position;
    if (impl_->page() != nullptr) reader.publish_tail(*impl_->page());
    beat();
    return batch.accepted;
}

Target::RingCounts Target::ring_counts(std::uint32_t ring) const {
    RingCounts counts;
    counts.emitted.resize(wire::kEventTypesMax);
    counts.dropped.resize(wire::kEventTypesMax);
    const wire::RingLocation location = impl_->location(ring);
    if (location.header == nullptr) return counts;
    counts.head = location.header->head.load(std::memory_order_acquire);
    for (std::uint32_t type = 0; type < wire::kEventTypesMax; ++type) {
        counts.emitted[type] = location.header->emitted[type].load(std::memory_order_relaxed);
        counts.dropped[type] = location.header->dropped[type].load(std::memory_order_relaxed);
    }
    return counts;
}

std::uint64_t Target::ring_blocked_ns(std::uint32_t ring) const {
    const wire::RingLocation location = impl_->location(ring);
    return location.header != nullptr ? location.header->blocked_ns.load(std::memory_order_relaxed) : 0;
}

void Target::beat() {
    if (impl_->page() != nullptr) impl_->page()->heartbeat_ns.store(monotonic_ns(), std::memory_order_relaxed);
}

}  // namespace coroscope::inspect
