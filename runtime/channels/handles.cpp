// Channels come and go with their handles.
//
// Making, copying and giving back a handle are runtime calls: they take locks and may allocate, so they run on the worker's
// stack. Only adopting (a handle was moved) is an ordinary function: one store.
//
// The end of a channel: the last sender or receiver closes it; the last handle of all takes it away. Whoever waits then
// has been woken by the close, and finds its answer in its own frame, never in the channel. Items that are left are
// destroyed by release_object_handle() on the caller's own stack.
#include <cstdlib>
#include <cstring>
#include <mutex>

#include "runtime/channels/access.h"
#include "runtime/channels/channels.h"
#include "runtime/channels/select_counts.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/switch/switch.h"

namespace cprime::detail {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

bool is_outlived(HandleId handle) {
    return generation_of(handle) != g_channels.generation();
}

struct MakeRequest {
    std::string_view name;
    std::uint32_t capacity;
    const ItemType* type;
    const Place* where;
    HandleId made;
};

void make_buffer(ChannelState& state, const MakeRequest& request) {
    const bool bytes = request.type->trivially_copyable;
    state.frames = !bytes && request.capacity == 0;
    state.cell_bytes = bytes || request.capacity == 0 ? request.type->bytes : sizeof(void*);
    state.head = 0;
    state.destroy = request.type->destroy;
    state.buffer = nullptr;
    if (request.capacity == 0) return;
    // Untouched pages of a large buffer cost nothing: malloc takes them from the kernel.
    state.buffer = static_cast<std::byte*>(
        std::malloc(static_cast<std::size_t>(request.capacity) * state.cell_bytes));
    if (state.buffer == nullptr) no_room("channel buffer");
}

ResumePoint make_channel_call(Worker* worker, std::uint32_t me, void* argument) noexcept {
    auto& request = *static_cast<MakeRequest*>(argument);
    RuntimeState& state = runtime("Channel");
    const std::uint32_t site = state.sites.find(*request.where, request.name, 0);
    const std::uint32_t index = g_channels.take_channel();
    if (index == wire::kNone) no_room("channel");
    const ChannelTables::Name name = g_channels.intern(request.name);
    const std::uint64_t holder = holder_identity(worker, me);
    const Found channel{index, g_channels.channel(index), g_channels.state(index)};
    wire::ChannelRecord& record = channel.record;
    channel.state.lock.lock();
    make_buffer(channel.state, request);
    const std::uint32_t handle = g_channels.take_handle(worker, index, kMaySend | kMayReceive, holder);
    if (handle == wire::kNone) no_room("channel handle");
    std::uint32_t operation = 0;
    {
        const RecordChange change(record);
        record.capacity = request.capacity;
        record.element_bytes = request.type->bytes;
        record.name = name.string;
        record.totals = name.totals;
        record.creator = current_identity(worker, me);
        record.site = site;
        record.length.store(0, kRelaxed);
        record.sent.store(0, kRelaxed);
        record.received.store(0, kRelaxed);
        for (auto* end :
             {&record.first_sender, &record.last_sender, &record.first_receiver, &record.last_receiver}) {
            end->store(wire::kNone, kRelaxed);
        }
        record.senders_waiting.store(0, kRelaxed);
        record.receivers_waiting.store(0, kRelaxed);
        record.sender_handles.store(1, kRelaxed);
        record.receiver_handles.store(1, kRelaxed);
        record.identity.store(g_channels.next_identity(), kRelaxed);
        record.flags.store(wire::kChannelLive, kRelaxed);
        operation = change.operation();
    }
    g_channels.count_created(name.totals);
    emit::probe::channel_create(ring_for(worker), emit::stamp_ordered(), index, request.capacity,
                                record.identity.load(kRelaxed), name.string, operation, record.creator,
                                name.totals);
    channel.state.lock.unlock();  // before it goes on: that may be a switch
    request.made = make_handle_id(g_channels.generation(), request.capacity != 0, index, handle);
    return go_on(worker);
}

struct CopyRequest {
    HandleId handle;
    std::uint32_t rights;
};

ResumePoint copy_handle_call(Worker* worker, std::uint32_t me, void* argument) noexcept {
    auto& request = *static_cast<CopyRequest*>(argument);
    const Found channel = find_channel(request.handle, "copy");
    const std::uint32_t handle = g_channels.take_handle(worker, channel.index, request.rights,
                                                        holder_identity(worker, me));
    if (handle == wire::kNone) no_room("channel handle");
    {
        const std::lock_guard<SpinLock> hold(channel.state.lock);
        const RecordChange change(channel.record);
        count_handle(channel.record, request.rights, 1);
    }
    request.handle = make_handle_id(g_channels.generation(), (request.handle & kBufferedBit) != 0,
                                    channel.index, handle);
    return go_on(worker);
}

// What a channel leaves behind: items in nodes, which only the caller may destroy, and its buffer.
struct Leftovers {
    std::byte* buffer = nullptr;
    void (*destroy)(void*) = nullptr;
    std::uint32_t head = 0, length = 0, capacity = 0;
};

// Nobody has a handle any more, nobody waits.
Leftovers take_away(Worker* worker, const Found& channel) {
    Leftovers left;
    {
        const std::lock_guard<SpinLock> hold(channel.state.lock);
        wire::ChannelRecord& record = channel.record;
        left.buffer = channel.state.buffer;
        left.destroy = channel.state.destroy;
        left.head = channel.state.head;
        left.length = record.length.load(kRelaxed);
        left.capacity = record.capacity;
        channel.state.buffer = nullptr;
        g_channels.count_gone(record.totals, record.sent.load(kRelaxed), record.received.load(kRelaxed));
        const RecordChange change(record);
        record.flags.store(0, kRelaxed);
        record.length.store(0, kRelaxed);
        const std::uint32_t operation = change.operation();
        emit::probe::channel_destroy(ring_for(worker), emit::stamp_ordered(), channel.index, operation,
                                     record.identity.load(kRelaxed));
    }
    g_channels.give_channel(channel.index);
    if (left.destroy == nullptr || left.length == 0) {
        std::free(left.buffer);
        left.buffer = nullptr;
    }
    return left;
}

// What is left is for the caller to destroy; nothing, as long as somebody has a handle.
Leftovers release(Worker* worker, HandleId id) {
    if (id == 0 || is_outlived(id)) return {};
    const Found channel = find_channel(id, "release");
    const std::uint32_t handle = handle_of(id);
    const std::uint32_t rights = g_channels.handle(handle).rights.load(kRelaxed);
    channel.state.lock.lock();
    {
        const RecordChange change(channel.record);
        count_handle(channel.record, rights, ~0U);
    }
    const bool no_sender = channel.record.sender_handles.load(kRelaxed) == 0;
    const bool no_receiver = channel.record.receiver_handles.load(kRelaxed) == 0;
    g_channels.give_handle(worker, handle);
    if (!no_sender && !no_receiver) {
        channel.state.lock.unlock();
        return {};
    }
    close_and_unlock(worker, channel);
    return no_sender && no_receiver ? take_away(worker, channel) : Leftovers{};
}

struct ReleaseRequest {
    HandleId handle;
    Leftovers left;
};
ResumePoint release_object_call(Worker* worker, std::uint32_t, void* argument) noexcept {
    auto& request = *static_cast<ReleaseRequest*>(argument);
    request.left = release(worker, request.handle);
    return go_on(worker);
}

ResumePoint close_channel_call(Worker* worker, std::uint32_t me, void* argument) noexcept {
    const HandleId handle = *static_cast<HandleId*>(argument);
    const Found channel = find_channel(handle, "close");
    note_user(handle, worker, me);
    channel.state.lock.lock();
    close_and_unlock(worker, channel);
    return go_on(worker);
}

struct StatisticsRequest {
    HandleId handle;
    ChannelStatistics statistics;
};

ResumePoint statistics_call(Worker* worker, std::uint32_t, void* argument) noexcept {
    auto& request = *static_cast<StatisticsRequest*>(argument);
    const Found channel = find_channel(request.handle, "statistics");
    const wire::ChannelRecord& record = channel.record;
    channel.state.lock.lock();
    request.statistics = {record.sent.load(kRelaxed),
                          record.received.load(kRelaxed),
                          record.length.load(kRelaxed),
                          record.capacity,
                          record.senders_waiting.load(kRelaxed),
                          record.receivers_waiting.load(kRelaxed),
                          channel.closed()};
    channel.state.lock.unlock();
    return go_on(worker);
}

}  // namespace

HandleId make_channel_handle(std::string_view name, std::uint32_t capacity, const ItemType& type,
                             const Place& where) noexcept {
    MakeRequest request{name, capacity, &type, &where, 0};
    park(&make_channel_call, &request);
    return request.made;
}

HandleId copy_handle(HandleId handle, std::uint32_t rights) noexcept {
    if (handle == 0 || is_outlived(handle)) return 0;
    if (const HandleId copy = copy_handle_shortly(handle, rights); copy != 0) return copy;
    CopyRequest request{handle, rights};
    park(&copy_handle_call, &request);
    return request.handle;
}

HandleId adopt_handle(HandleId handle) noexcept {
    if (handle == 0 || is_outlived(handle)) return 0;
    // This function does not switch, so the thread's variable may be read on a coroutine's stack.
    const Worker* worker = cprime_current_worker;
    const std::uint64_t holder = holder_identity(worker,
                                                 worker != nullptr ? worker->current_index : kNoCoroutine);
    g_channels.handle(handle_of(handle)).holder.store(holder, kRelaxed);
    return handle;
}

ResumePoint channel_release(Worker* worker, std::uint32_t, void* handle) noexcept {
    std::free(release(worker, reinterpret_cast<HandleId>(handle)).buffer);
    return go_on(worker);
}

void release_object_handle(HandleId handle) noexcept {
    if (handle == 0 || is_outlived(handle)) return;
    ReleaseRequest request{handle, {}};
    park(&release_object_call, &request);
    const Leftovers& left = request.left;
    if (left.buffer == nullptr) return;
    for (std::uint32_t i = 0; i < left.length; ++i) {
        void* node = nullptr;
        const std::uint64_t position = (std::uint64_t{left.head} + i) % left.capacity;
        std::memcpy(&node, left.buffer + position * sizeof node, sizeof node);
        left.destroy(node);
        park(&channel_give_node, node);
    }
    park(&channel_give_node, left.buffer);
}

void close_channel(HandleId handle) noexcept {
    park(&close_channel_call, &handle);
}

ChannelStatistics channel_statistics(HandleId handle) noexcept {
    StatisticsRequest request{handle, {}};
    park(&statistics_call, &request);
    return request.statistics;
}

ResumePoint channel_take_node(Worker* worker, std::uint32_t, void* argument) noexcept {
    auto& request = *static_cast<NodeRequest*>(argument);
    const std::size_t alignment = request.alignment;
    const std::size_t bytes = (request.bytes + alignment - 1) / alignment * alignment;
    request.node = alignment <= alignof(std::max_align_t) ? std::malloc(bytes)
                                                          : std::aligned_alloc(alignment, bytes);
    if (request.node == nullptr) no_room("item of a channel");
    return go_on(worker);
}

ResumePoint channel_give_node(Worker* worker, std::uint32_t, void* node) noexcept {
    std::free(node);
    return go_on(worker);
}

void start_channels(emit::StateSegment& segment) {
    g_channels.start(segment);
    g_arms.start(segment);
    g_selects.start(segment);
    install_channel_hooks();
    install_select_hook();
}

void stop_channels() {
    for (std::uint32_t i = 0; i < g_channels.channels_count(); ++i) {
        const wire::ChannelRecord& record = g_channels.channel(i);
        if ((record.flags.load(kRelaxed) & wire::kChannelLive) == 0) continue;
        ChannelState& state = g_channels.state(i);
        const std::uint32_t length = state.destroy != nullptr ? record.length.load(kRelaxed) : 0;
        for (std::uint32_t n = 0; n < length; ++n) {
            void* node = nullptr;
            const std::uint64_t position = (std::uint64_t{state.head} + n) % record.capacity;
            std::memcpy(&node, state.buffer + position * sizeof node, sizeof node);
            state.destroy(node);
            std::free(node);
        }
        std::free(state.buffer);
        state.buffer = nullptr;
    }
    g_channels.stop();
    g_selects.stop();
    g_arms.stop();
}

}  // namespace cprime::detail
