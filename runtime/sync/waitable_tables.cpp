// Making, giving back and outliving of records.
#include "runtime/sync/waitable_tables.h"

#include <pthread.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "instrumentation/emit/probes.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/parking.h"
#include "runtime/sync/misuse.h"
#include "runtime/sync/waiting.h"

namespace cprime::detail {

constinit WaitableTables g_waitables;

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

static_assert(static_cast<int>(WaitableKind::mutex) == static_cast<int>(wire::WaitableKind::kMutex));
static_assert(static_cast<int>(WaitableKind::nursery) == static_cast<int>(wire::WaitableKind::kNursery));

std::uint64_t pack(std::uint32_t generation, std::uint32_t index) {
    return std::uint64_t{generation} << 32 | index;
}

// What a next runtime begins with.
std::uint32_t kept_value(wire::WaitableKind kind, std::uint32_t value) {
    switch (kind) {
        case wire::WaitableKind::kSemaphore:
        case wire::WaitableKind::kLatch:
        case wire::WaitableKind::kEvent:
            return value;
        case wire::WaitableKind::kOnce:
            return value == wire::kOnceDone ? value : wire::kOnceNew;
        default:
            return 0;  // nobody is left who could hold it or stand at it
    }
}

}  // namespace

void WaitableTables::start(emit::StateSegment& segment) {
    static const int in_children = pthread_atfork(nullptr, nullptr, [] { g_waitables.forget(); });
    static_cast<void>(in_children);
    segment_ = &segment;
    records_ = segment.records<wire::WaitableRecord>(wire::SectionKind::kWaitables);
    threads_cancelled_.store(false, kRelaxed);
    if (++generations_ == 0) ++generations_;
    generation_.store(generations_, kRelaxed);
}

void WaitableTables::stop() {
    generation_.store(0, kRelaxed);
    const std::lock_guard<std::mutex> hold(lock_);
    for (std::uint32_t index = 0; index < count(); ++index) {
        const wire::WaitableRecord& record = records_[index];
        const wire::WaitableKind kind = record.kind.load(kRelaxed);
        if (kind == wire::WaitableKind::kFree) continue;
        auto& object = *reinterpret_cast<Waitable*>(record.object);
        object.value_kept = kept_value(kind, record.value.load(kRelaxed));
        object.record.store(Waitable::kNoRecord, kRelaxed);
    }
    count_.store(0, kRelaxed);
    first_free_ = wire::kNone;
    segment_ = nullptr;
}

std::uint32_t WaitableTables::take_record() {
    if (first_free_ != wire::kNone) {
        const std::uint32_t index = first_free_;
        first_free_ = records_[index].first.load(kRelaxed);
        return index;
    }
    const std::uint32_t index = segment_->allocate_records(wire::SectionKind::kWaitables, 1);
    if (index != wire::kNone) count_.store(index + 1, std::memory_order_release);
    return index;
}

std::uint32_t WaitableTables::make_record(Waitable& object, const char* call, Worker* worker) {
    RuntimeState& state = runtime(call);
    const std::string_view name(object.name_text, object.name_bytes);
    const std::uint32_t site = state.sites.find(object.made_at, name, 0);
    const std::uint32_t string = name.empty() ? wire::kNone : segment_->intern(name);
    const std::lock_guard<std::mutex> hold(lock_);
    // Another may have been the first meanwhile.
    if (const std::uint32_t index = find_existing(object); index != wire::kNone) return index;
    const std::uint32_t index = take_record();
    if (index == wire::kNone) no_room_for(object);
    wire::WaitableRecord& record = records_[index];
    {
        const std::lock_guard<SpinLock> locked(lock_of(record));
        const WaitableChange change(record);
        record.owner.store(0, kRelaxed);
        record.value.store(object.value_kept, kRelaxed);
        record.waiting.store(0, kRelaxed);
        record.threads_waiting.store(0, kRelaxed);
        record.first.store(wire::kNone, kRelaxed);
        record.last.store(wire::kNone, kRelaxed);
        record.served.store(0, kRelaxed);
        record.waited.store(0, kRelaxed);
        record.next_ticket = 0;
        record.limit = object.fixed_limit;
        record.name = string;
        record.site = site;
        record.object = reinterpret_cast<std::uint64_t>(&object);
        record.first_thread = record.last_thread = 0;
        record.identity.store(next_identity_++, kRelaxed);
        record.kind.store(static_cast<wire::WaitableKind>(object.its_kind), kRelaxed);
        WaitableChange::add(record.operations, 1U);
        if (emit::listening(wire::kCategoryLock)) {
            emit::probe::waitable_create(
                ring_of(worker), emit::stamp_ordered(),
                {index, record.kind.load(kRelaxed), record.identity.load(kRelaxed), string,
                 record.operations.load(kRelaxed), site, object.value_kept, object.fixed_limit});
        }
    }
    // [waitable.record] release: whoever finds the number finds the record made.
    object.record.store(pack(generation(), index), std::memory_order_release);
    return index;
}

void WaitableTables::give_back(std::uint32_t index) {
    const std::lock_guard<std::mutex> hold(lock_);
    records_[index].first.store(first_free_, kRelaxed);
    first_free_ = index;
}

ResumePoint waitable_destroyed(Worker* worker, std::uint32_t, void* argument) noexcept {
    auto& object = *static_cast<Waitable*>(argument);
    const std::uint32_t index = g_waitables.find_existing(object);
    if (index == wire::kNone) return carry_on(worker);  // it has outlived its runtime
    wire::WaitableRecord& record = g_waitables.record(index);
    {
        const std::lock_guard<SpinLock> hold(lock_of(record));
        if (!is_too_late(worker)) check_unused(record);
        const WaitableChange change(record);
        record.kind.store(wire::WaitableKind::kFree, kRelaxed);
        record.object = 0;
        const std::uint32_t operation = WaitableChange::add(record.operations, 1U);
        if (emit::listening(wire::kCategoryLock)) {
            emit::probe::waitable_destroy(ring_of(worker), emit::stamp_ordered(), index, operation,
                                          record.identity.load(kRelaxed));
        }
    }
    g_waitables.give_back(index);
    object.record.store(Waitable::kNoRecord, kRelaxed);
    return carry_on(worker);
}

void start_waitables(emit::StateSegment& segment) {
    g_waitables.start(segment);
    install_waitable_hooks();
}

void stop_waitables() {
    g_waitables.stop();
}

}  // namespace cprime::detail
