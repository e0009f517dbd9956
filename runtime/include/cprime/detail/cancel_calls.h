// The runtime calls behind cancel_token.h and nursery.h.
//
// Thread: any that may call the runtime. Not part of the public interface.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>
#include <utility>

#include "cprime/detail/channel_calls.h"
#include "cprime/detail/waitable_calls.h"

namespace cprime::detail {

// What sources and tokens share. The rest is the runtime's (runtime/sync/cancel_token.cpp).
struct CancelCore {
    // Writers: who copies a handle, and who gives one back. Relaxed to add; acq_rel to take away, so that the last one sees what the others did.
    std::atomic<std::uint32_t> references{1};
    // Writer: whoever cancels, under the family's lock. Readers: anybody; acquire: what was done before the cancellation is seen [cancel.mark].
    std::atomic<bool> cancelled{false};
    HandleId channel = 0;  // carries nothing, and closes with the cancellation: what waits and selects look at
};

// `parent`: null: none. Ends the program with a sentence when there is no Runtime or no memory.
CancelCore* make_cancel_core(CancelCore* parent, std::string_view name, const Place& where) noexcept;
// argument: CancelCore*, all three. To keep is an ordinary function: it only counts.
inline CancelCore* keep_cancel_core(CancelCore* core) noexcept {
    if (core != nullptr) core->references.fetch_add(1, std::memory_order_relaxed);
    return core;
}
ResumePoint cancel_let_go(Worker* worker, std::uint32_t coroutine, void* core) noexcept;
ResumePoint cancel_all(Worker* worker, std::uint32_t coroutine, void* core) noexcept;

// A coroutine that ends when its token does. Lies in its closure, and is linked there while its function runs.
struct CancelMember {
    explicit CancelMember(CancelCore* under) noexcept : core(keep_cancel_core(under)) {}
    CancelMember(CancelMember&& other) noexcept : core(std::exchange(other.core, nullptr)) {}
    CancelMember& operator=(CancelMember&&) = delete;
    [[gnu::always_inline]] ~CancelMember();

    CancelCore* core;
    std::uint32_t coroutine = kNoCoroutine;  // this and the rest: the runtime's, under the family's lock, once it is linked
    std::uint64_t identity = 0;
    CancelMember* next = nullptr;
    CancelMember** link = nullptr;  // what points to it; null: not linked
};
// argument: CancelMember*. By the coroutine itself, before its function runs, and when all of it is done.
ResumePoint cancel_join(Worker* worker, std::uint32_t coroutine, void* member) noexcept;
ResumePoint cancel_leave(Worker* worker, std::uint32_t coroutine, void* member) noexcept;

inline CancelMember::~CancelMember() {
    if (core != nullptr) park<&cancel_leave>(this);
}

// argument: Waitable*. One more, or one less, lives in the nursery.
ResumePoint nursery_enter(Worker* worker, std::uint32_t coroutine, void* nursery) noexcept;
ResumePoint nursery_leave(Worker* worker, std::uint32_t coroutine, void* nursery) noexcept;
// Until nobody does. The second is not ended by a cancellation; on a thread `cancelled`: ask again.
ResumePoint nursery_wait(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
ResumePoint nursery_wait_firmly(Worker* worker, std::uint32_t coroutine, void* request) noexcept;

}  // namespace cprime::detail
