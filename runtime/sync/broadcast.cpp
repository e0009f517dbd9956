// Broadcasts: a ring of items, each with the number of subscribers that have not got it yet.
//
// A subscriber keeps its own place. An item is sent for as many as are subscribed at that moment; each takes one off when it gets the item or
// goes. Subscribers go through the ring in order, so the oldest item is the first of which nobody is left, and then goes. Where subscribers may lag,
// a sender that finds the ring full takes the oldest out itself; who comes for it later finds that the ring begins behind its place.
//
// Order of locks: `lock` of the broadcast, then that of a condition's record. Who has to wait takes the condition's before it lets the broadcast's
// go [broadcast.wait], and who changes something notifies under the broadcast's: so nobody is missed.
//
// Thread: as in waiting.h. Tested in tests/unit/runtime/broadcast_test.cpp.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "cprime/detail/broadcast_calls.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/clock.h"
#include "runtime/scheduler/spin_lock.h"
#include "runtime/sync/waiting.h"

namespace cprime::detail {
namespace {

struct BroadcastCore : BroadcastChannel {
    BroadcastCore(std::string_view name, const Place& where)
        : of_subscribers(WaitableKind::condition, name, where),
          of_senders(WaitableKind::condition, name, where),
          generation(g_waitables.generation()) {}

    Waitable of_subscribers, of_senders;  // items, and room for them
    const std::uint32_t generation;
    std::uint32_t capacity = 0, cell_bytes = 0;
    bool nodes = false, lagging = false;

    SpinLock lock;  // of all that follows
    bool closed = false;
    std::uint32_t subscribers = 0;
    std::uint64_t tail = 0, head = 0;  // the oldest item, and the place behind the newest
    std::uint32_t* pending = nullptr;  // by cell: who has not got its item yet
    std::byte* cells = nullptr;

    std::byte* cell(std::uint64_t position) { return cells + position % capacity * cell_bytes; }
    BroadcastNode* node(std::uint64_t position) {
        BroadcastNode* found = nullptr;
        std::memcpy(&found, cell(position), sizeof found);
        return found;
    }
    std::uint32_t& left(std::uint64_t position) { return pending[position % capacity]; }
    bool is_outlived() const { return generation != g_waitables.generation(); }
};

BroadcastCore& core_of(BroadcastChannel* channel) {
    return *static_cast<BroadcastCore*>(channel);
}

// Goes with its last handle; nobody is subscribed then, so no item is left. No destructor: it would park, and here is a worker's stack.
void let_go(Worker* worker, BroadcastCore& core) {
    if (core.references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    if (!core.is_outlived()) {
        static_cast<void>(waitable_destroyed(worker, kNoCoroutine, &core.of_subscribers));
        static_cast<void>(waitable_destroyed(worker, kNoCoroutine, &core.of_senders));
    }
    std::free(core.pending);
    std::free(core.cells);
    std::free(&core);
}

// Takes so many of those who wait out. Under the broadcast's lock.
void notify(Waitable& object, Worker* worker, std::uint64_t at_most, Woken& woken) {
    Locked condition(object, "Broadcast", worker);
    for (; at_most != 0 && !condition.nobody_waits(); --at_most) {
        const ObjectWaiter next = condition.oldest();
        condition.take_out(next, Status::ok);
        WaitableChange::add(condition.record.served, std::uint64_t{1});
        woken.add(next);
    }
    condition.unlock();
}
constexpr std::uint64_t kEverybody = ~0ULL;

// The caller goes on with that answer, and so do those whom it has let through; the lock is let go.
ResumePoint reply(Worker* worker, BroadcastCore& core, BroadcastRequest& request, Status status,
                  Woken woken = {}) {
    core.lock.unlock();
    request.state.status = status;
    request.state.flag = false;
    woken.wake(worker, cause_of(worker), 0);
    return carry_on(worker);
}

// The caller waits for `object`, and is to call again when that was notified. The lock is let go.
template <Waits kWaits>
ResumePoint wait_on(Worker* worker, std::uint32_t me, BroadcastCore& core, Waitable& object,
                    BroadcastRequest& request) {
    if constexpr (kWaits == Waits::never) return reply(worker, core, request, Status::would_block);
    if constexpr (kWaits == Waits::until) {
        auto& timed = static_cast<TimedBroadcastRequest&>(request);
        const std::int64_t now_ns = monotonic_ns();
        if (!timed.begun) timed.until_ns = add_ns(now_ns, request.timeout_ns);
        timed.begun = true;
        request.timeout_ns = timed.until_ns - now_ns;
    }
    Locked condition(object, "Broadcast", worker);  // [broadcast.wait]
    core.lock.unlock();
    request.state.flag = true;
    set_limit<kWaits == Waits::until ? Patience::kTimed : Patience::kEndless>(request);
    return wait_for(condition, me, request);
}

// Items that everybody has got go; how many. Under the lock.
std::uint64_t make_room(BroadcastCore& core) {
    const std::uint64_t before = core.tail;
    while (core.tail != core.head && core.left(core.tail) == 0)
        ++core.tail;
    return core.tail - before;
}

struct MakeRequest {
    std::string_view name;
    std::uint32_t capacity, item_bytes;
    bool lagging;
    const Place* where;
    BroadcastCore* made;
};

ResumePoint make_core(Worker* worker, std::uint32_t, void* argument) noexcept {
    auto& request = *static_cast<MakeRequest*>(argument);
    runtime("Broadcast");
    if (request.capacity == 0) fatal("a Broadcast has room for one item at least", 1);
    // The name lies behind it: the state plane reads it at the first use.
    void* const memory = std::malloc(sizeof(BroadcastCore) + request.name.size());
    if (memory == nullptr) fatal("there is no memory for another Broadcast", 1);
    char* const name = static_cast<char*>(memory) + sizeof(BroadcastCore);
    std::copy_n(request.name.data(), request.name.size(), name);
    auto* const core = ::new (memory) BroadcastCore({name, request.name.size()}, *request.where);
    core->capacity = request.capacity;
    core->nodes = request.item_bytes == 0;
    core->cell_bytes = core->nodes ? sizeof(BroadcastNode*) : request.item_bytes;
    core->lagging = request.lagging;
    core->pending = static_cast<std::uint32_t*>(std::calloc(request.capacity, sizeof *core->pending));
    core->cells = static_cast<std::byte*>(std::calloc(request.capacity, core->cell_bytes));
    if (core->pending == nullptr || core->cells == nullptr)
        fatal("there is no memory for the items of another Broadcast", 1);
    request.made = core;
    return carry_on(worker);
}

}  // namespace

BroadcastChannel* make_broadcast(std::string_view name, std::uint32_t capacity, std::uint32_t item_bytes,
                                 bool lagging, const Place& where) noexcept {
    MakeRequest request{name, capacity, item_bytes, lagging, &where, nullptr};
    park(&make_core, &request);
    return request.made;
}

template <Waits kWaits>
ResumePoint broadcast_send(Worker* worker, std::uint32_t me, void* argument) noexcept {
    auto& request = *static_cast<BroadcastRequest*>(argument);
    BroadcastCore& core = core_of(request.channel);
    core.lock.lock();
    if (core.closed || core.is_outlived()) return reply(worker, core, request, Status::closed);
    if (core.subscribers == 0) return reply(worker, core, request, Status::ok);
    BroadcastNode* evicted = nullptr;
    if (core.head - core.tail == core.capacity) {
        if (!core.lagging) return wait_on<kWaits>(worker, me, core, core.of_senders, request);
        if (core.nodes) evicted = core.node(core.tail);
        ++core.tail;
    }
    if (core.nodes) {
        std::memcpy(core.cell(core.head), &request.item, sizeof(void*));
        request.item = evicted;
    } else {
        std::memcpy(core.cell(core.head), request.item, core.cell_bytes);
    }
    core.left(core.head) = core.subscribers;
    ++core.head;
    Woken woken;
    notify(core.of_subscribers, worker, kEverybody, woken);
    return reply(worker, core, request, Status::ok, woken);
}

template <Waits kWaits>
ResumePoint broadcast_receive(Worker* worker, std::uint32_t me, void* argument) noexcept {
    auto& request = *static_cast<BroadcastRequest*>(argument);
    Subscription& place = *request.subscription;
    BroadcastCore& core = core_of(place.channel);
    core.lock.lock();
    if (place.next < core.tail) {
        place.missed += core.tail - place.next;
        place.next = core.tail;
    }
    if (place.next == core.head) {
        if (core.closed || core.is_outlived()) return reply(worker, core, request, Status::closed);
        return wait_on<kWaits>(worker, me, core, core.of_subscribers, request);
    }
    const bool last = --core.left(place.next) == 0;
    if (core.nodes) {
        BroadcastNode* const node = core.node(place.next);
        // The ring's own reference goes to whoever is last.
        if (!last) node->references.fetch_add(1, std::memory_order_relaxed);
        request.item = node;
    } else {
        std::memcpy(request.item, core.cell(place.next), core.cell_bytes);
    }
    ++place.next;
    Woken woken;
    if (last) {
        const std::uint64_t room = make_room(core);
        if (!core.lagging && !core.is_outlived()) notify(core.of_senders, worker, room, woken);
    }
    return reply(worker, core, request, Status::ok, woken);
}

ResumePoint broadcast_subscribe(Worker* worker, std::uint32_t, void* argument) noexcept {
    auto& place = *static_cast<Subscription*>(argument);
    BroadcastCore& core = core_of(place.channel);
    core.references.fetch_add(1, std::memory_order_relaxed);
    core.lock.lock();
    ++core.subscribers;
    place.next = core.head;
    core.lock.unlock();
    return carry_on(worker);
}

ResumePoint broadcast_unsubscribe(Worker* worker, std::uint32_t, void* argument) noexcept {
    auto& request = *static_cast<BroadcastRequest*>(argument);
    Subscription& place = *request.subscription;
    BroadcastCore& core = core_of(place.channel);
    BroadcastNode* to_let_go = nullptr;
    Woken woken;
    core.lock.lock();
    --core.subscribers;
    for (std::uint64_t position = std::max(place.next, core.tail); position != core.head; ++position) {
        if (--core.left(position) != 0 || !core.nodes) continue;
        BroadcastNode* const node = core.node(position);
        node->next = to_let_go;
        to_let_go = node;
    }
    const std::uint64_t room = make_room(core);
    if (room != 0 && !core.lagging && !core.is_outlived()) notify(core.of_senders, worker, room, woken);
    core.lock.unlock();
    woken.wake(worker, cause_of(worker), 0);
    request.item = to_let_go;
    place.channel = nullptr;
    let_go(worker, core);
    return carry_on(worker);
}

ResumePoint broadcast_close(Worker* worker, std::uint32_t, void* argument) noexcept {
    BroadcastCore& core = core_of(static_cast<BroadcastChannel*>(argument));
    Woken woken;
    core.lock.lock();
    core.closed = true;
    if (!core.is_outlived()) {
        notify(core.of_subscribers, worker, kEverybody, woken);
        notify(core.of_senders, worker, kEverybody, woken);
    }
    core.lock.unlock();
    woken.wake(worker, wire::WakeCause::kClose, 0);
    return carry_on(worker);
}

ResumePoint broadcast_sender_gone(Worker* worker, std::uint32_t me, void* argument) noexcept {
    BroadcastCore& core = core_of(static_cast<BroadcastChannel*>(argument));
    if (core.senders.fetch_sub(1, std::memory_order_acq_rel) == 1)
        static_cast<void>(broadcast_close(worker, me, argument));
    let_go(worker, core);
    return carry_on(worker);
}

template ResumePoint broadcast_send<Waits::forever>(Worker*, std::uint32_t, void*) noexcept;
template ResumePoint broadcast_send<Waits::never>(Worker*, std::uint32_t, void*) noexcept;
template ResumePoint broadcast_send<Waits::until>(Worker*, std::uint32_t, void*) noexcept;
template ResumePoint broadcast_receive<Waits::forever>(Worker*, std::uint32_t, void*) noexcept;
template ResumePoint broadcast_receive<Waits::never>(Worker*, std::uint32_t, void*) noexcept;
template ResumePoint broadcast_receive<Waits::until>(Worker*, std::uint32_t, void*) noexcept;

}  // namespace cprime::detail
