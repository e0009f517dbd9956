// Cancellation sources: trees, the coroutines under them, and the channel that closes.
//
// A family is a tree of sources; its root's lock guards all links in it. A source holds a reference to its parent, a parent none to its children:
// they leave its list when they go.
//
//   1  under the lock: the source and all below it that are not cancelled yet are marked [cancel.mark] and put aside, each with a reference
//   2  each in turn, without the lock: its channel is closed; its members are taken out a few at a time, and asked to end
//
// Nobody slips through: who joins, or is made, after 1 sees the mark under the lock; who was there before is in a list. Who leaves between being
// taken out and being asked is told from others by its identity, as in every request_cancel().
//
// Lock order: a family's lock is held alone.
//
// Thread: any, on a worker's stack or on a thread that is none. Tested in tests/unit/runtime/cancel_token_test.cpp.
#include <array>
#include <cstdlib>
#include <mutex>
#include <new>

#include "cprime/detail/cancel_calls.h"
#include "runtime/channels/access.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/parking.h"

namespace cprime::detail {
namespace {

struct Family : CancelCore {
    Family* parent = nullptr;
    Family* root = this;
    SpinLock lock;  // the root's: of all that follows, in all of the tree
    Family* first_child = nullptr;
    Family* next_sibling = nullptr;
    Family** sibling_link = nullptr;  // what points to it; null: a root, or told
    Family* next_told = nullptr;      // of those that one cancellation has marked
    CancelMember* members = nullptr;
    CancelMember* asked = nullptr;  // members that were asked to end
};

Family& family_of(CancelCore* core) {
    return *static_cast<Family*>(core);
}

void link(CancelMember*& first, CancelMember& member) {
    member.next = first;
    member.link = &first;
    if (first != nullptr) first->link = &member.next;
    first = &member;
}
void unlink(CancelMember& member) {
    *member.link = member.next;
    if (member.next != nullptr) member.next->link = member.link;
    member.link = nullptr;
}

void let_go(Worker* worker, Family* core) {
    while (core != nullptr && core->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        Family* const parent = core->parent;
        if (core->sibling_link != nullptr) {
            const std::lock_guard<SpinLock> hold(core->root->lock);
            *core->sibling_link = core->next_sibling;
            if (core->next_sibling != nullptr) core->next_sibling->sibling_link = core->sibling_link;
        }
        static_cast<void>(channel_release(worker, kNoCoroutine, reinterpret_cast<void*>(core->channel)));
        std::free(core);
        core = parent;
    }
}

// A child that is on its way out is left alone: nobody waits for it, and it has no members.
bool keep_if_alive(Family& core) {
    std::uint32_t references = core.references.load(std::memory_order_relaxed);
    while (references != 0 &&
           !core.references.compare_exchange_weak(references, references + 1, std::memory_order_acquire)) {
    }
    return references != 0;
}

// The source and all below it that are not marked yet, as a chain, each with a reference. Under the lock.
void mark(Family& core) {
    Family* last = &core;
    for (Family* each = &core; each != nullptr; each = each->next_told) {
        each->cancelled.store(true, std::memory_order_release);  // [cancel.mark]
        for (Family* child = each->first_child; child != nullptr; child = child->next_sibling) {
            if (child->cancelled.load(std::memory_order_relaxed) || !keep_if_alive(*child)) continue;
            last->next_told = child;
            last = child;
        }
    }
}

void close_channel_of(Worker* worker, const Family& core) {
    if (generation_of(core.channel) != g_channels.generation()) return;
    const Found channel = find_channel(core.channel, "cancel");
    channel.state.lock.lock();
    close_and_unlock(worker, channel);
}

void ask_members(Worker* worker, Family& core) {
    constexpr std::size_t kBatch = 32;
    struct Asked {
        std::uint32_t coroutine;
        std::uint64_t identity;
        bool is_marked;
    };
    std::array<Asked, kBatch> batch;
    std::size_t count = 0;
    do {
        count = 0;
        {
            const std::lock_guard<SpinLock> hold(core.root->lock);
            while (core.members != nullptr && count < kBatch) {
                CancelMember& member = *core.members;
                batch[count++] = {member.coroutine, member.identity, false};
                unlink(member);
                link(core.asked, member);
            }
        }
        for (std::size_t i = 0; i < count; ++i) {
            batch[i].is_marked = mark_cancelled(worker, batch[i].coroutine, batch[i].identity) == Marked::now;
        }
        if (count != 0) sync::heavy_fence();  // [park.cancel] once for all of them
        for (std::size_t i = 0; i < count; ++i) {
            if (batch[i].is_marked) rouse_cancelled(worker, batch[i].coroutine, batch[i].identity);
        }
    } while (count == kBatch);
}

struct MakeRequest {
    Family* parent;
    HandleId channel;
    Family* made;
};

ResumePoint make_core(Worker* worker, std::uint32_t, void* argument) noexcept {
    auto& request = *static_cast<MakeRequest*>(argument);
    void* const memory = std::malloc(sizeof(Family));
    if (memory == nullptr) fatal("there is no memory for another CancelSource", 1);
    auto* const core = ::new (memory) Family;
    core->channel = request.channel;
    // Whoever made it is not the only one who can cancel.
    g_channels.handle(handle_of(core->channel)).holder.store(wire::kHolderOutside, std::memory_order_relaxed);
    bool late = false;
    if (request.parent != nullptr) {
        Family& parent = *request.parent;
        keep_cancel_core(&parent);
        core->parent = &parent;
        core->root = parent.root;
        const std::lock_guard<SpinLock> hold(core->root->lock);
        late = parent.cancelled.load(std::memory_order_relaxed);
        core->cancelled.store(late, std::memory_order_release);  // [cancel.mark]
        core->next_sibling = parent.first_child;
        core->sibling_link = &parent.first_child;
        if (core->next_sibling != nullptr) core->next_sibling->sibling_link = &core->next_sibling;
        parent.first_child = core;
    }
    if (late) close_channel_of(worker, *core);
    request.made = core;
    return go_on(worker);
}

}  // namespace

CancelCore* make_cancel_core(CancelCore* parent, std::string_view name, const Place& where) noexcept {
    constexpr ItemType kNothing{sizeof(char), true, nullptr};
    MakeRequest request{static_cast<Family*>(parent), make_channel_handle(name, 0, kNothing, where), nullptr};
    park(&make_core, &request);
    return request.made;
}

ResumePoint cancel_let_go(Worker* worker, std::uint32_t, void* core) noexcept {
    let_go(worker, &family_of(static_cast<CancelCore*>(core)));
    return go_on(worker);
}

ResumePoint cancel_all(Worker* worker, std::uint32_t, void* argument) noexcept {
    Family& core = family_of(static_cast<CancelCore*>(argument));
    Family* first = nullptr;
    {
        const std::lock_guard<SpinLock> hold(core.root->lock);
        if (!core.cancelled.load(std::memory_order_relaxed)) {
            keep_cancel_core(&core);
            mark(core);
            first = &core;
        }
    }
    for (Family* each = first; each != nullptr;) {
        Family* const next = each->next_told;
        close_channel_of(worker, *each);
        ask_members(worker, *each);
        let_go(worker, each);
        each = next;
    }
    return go_on(worker);
}

ResumePoint cancel_join(Worker* worker, std::uint32_t me, void* argument) noexcept {
    auto& member = *static_cast<CancelMember*>(argument);
    if (member.core == nullptr) return go_on(worker);  // under a token that is never cancelled
    Family& core = family_of(member.core);
    member.coroutine = me;
    member.identity = current_identity(worker, me);
    bool late = false;
    {
        const std::lock_guard<SpinLock> hold(core.root->lock);
        late = core.cancelled.load(std::memory_order_relaxed);
        link(late ? core.asked : core.members, member);
    }
    if (late) request_cancel(worker, me, member.identity);
    return go_on(worker);
}

ResumePoint cancel_leave(Worker* worker, std::uint32_t, void* argument) noexcept {
    auto& member = *static_cast<CancelMember*>(argument);
    Family& core = family_of(member.core);
    if (member.coroutine != kNoCoroutine) {
        const std::lock_guard<SpinLock> hold(core.root->lock);
        unlink(member);
    }
    let_go(worker, &core);
    return go_on(worker);
}

}  // namespace cprime::detail
