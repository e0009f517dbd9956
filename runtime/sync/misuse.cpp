// The sentences.
#include "runtime/sync/misuse.h"

#include <cstdio>
#include <cstdlib>
#include <string>

#include "runtime/entry/runtime_state.h"
#include "runtime/signals/faults.h"

namespace cprime::detail {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

constexpr const char* kKinds[] = {"object",    "mutex",        "shared mutex", "condition variable",
                                  "semaphore", "barrier",      "latch",        "event",
                                  "once",      "call channel", "nursery"};
static_assert(sizeof kKinds / sizeof kKinds[0] == wire::kWaitableKindsCount);

std::string quoted(std::string_view name) {
    return name.empty() ? std::string() : " \"" + std::string(name) + "\"";
}

std::string party(std::uint64_t owner) {
    if (wire::owner_is_thread(owner)) return "thread " + std::to_string(wire::owner_thread_id(owner));
    return "coroutine " + std::to_string(owner);
}

std::string counted(std::uint32_t count, const char* of) {
    return std::to_string(count) + " " + of + (count == 1 ? "" : "s");
}

[[noreturn]] void end(const std::string& sentence) {
    std::fprintf(stderr, "cprime: %s\n", sentence.c_str());
    std::abort();
}

}  // namespace

std::string text_of(const wire::WaitableRecord& object) {
    std::string text = kKinds[static_cast<std::size_t>(object.kind.load(kRelaxed))];
    text += quoted(g_runtime->segment->string(object.name));
    if (object.site != wire::kNone) text += " (" + g_runtime->sites.text(object.site) + ")";
    return text;
}

void misuse(std::uint64_t owner, const char* does, const wire::WaitableRecord& object, const char* remedy) {
    end(party(owner) + " " + does + " " + text_of(object) + "; " + remedy);
}

void waits_for_itself(std::uint64_t owner, const char* does, const wire::WaitableRecord& object,
                      const char* remedy) {
    end(party(owner) + " " + does + " " + text_of(object) +
        ", which it holds already, so that it would wait for itself for ever; " + remedy);
}

void not_the_owner(std::uint64_t owner, const char* does, const wire::WaitableRecord& object) {
    const std::uint64_t holder = object.owner.load(kRelaxed);
    end(party(owner) + " " + does + " " + text_of(object) + ", which " +
        (holder == 0 ? std::string("nobody holds") : party(holder) + " holds") +
        "; only who has locked it may unlock it, once");
}

void check_unused(const wire::WaitableRecord& object) {
    std::string why;
    const std::uint64_t owner = object.owner.load(kRelaxed);
    const std::uint32_t readers = object.kind.load(kRelaxed) == wire::WaitableKind::kSharedMutex
                                      ? object.value.load(kRelaxed)
                                      : 0;
    const std::uint32_t waiting = object.waiting.load(kRelaxed);
    const std::uint32_t threads = object.threads_waiting.load(kRelaxed);
    if (owner != 0 && !g_faults.was_abandoned(owner)) {
        why = party(owner) + " holds it";
    } else if (readers != 0) {
        why = counted(readers, "reader") + (readers == 1 ? " holds it" : " hold it");
    } else if (waiting + threads != 0) {
        why = (waiting != 0 ? counted(waiting, "coroutine") : counted(threads, "thread")) +
              (waiting + threads == 1 ? " waits for it" : " wait for it");
    } else {
        return;
    }
    end(text_of(object) + " was destroyed while " + why + "; let it live longer than whoever uses it");
}

void no_room_for(const Waitable& object) {
    end("there is no room for another " + std::string(kKinds[static_cast<std::size_t>(object.its_kind)]) +
        "; fewer at once, or more memory, would help");
}

void barrier_of_nobody(std::string_view name, const Place& where) noexcept {
    end("barrier" + quoted(name) + " (" + where.file + ":" + std::to_string(where.line) +
        ") was made for 0 parties, so that nobody could ever pass it; give it at least 1");
}

void semaphore_begins_beyond(std::string_view name, const Place& where) noexcept {
    end("semaphore" + quoted(name) + " (" + where.file + ":" + std::to_string(where.line) +
        ") was made with more permits than its limit; raise the limit");
}

}  // namespace cprime::detail
