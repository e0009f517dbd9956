// What a coroutine's frames have put up that somebody may have to find without unwinding: scopes that catch signals, signals that are being
// recovered from, and defers. Not part of the public interface.
//
// A list through the frames themselves, newest first; its head is the runtime's, one word a coroutine (runtime/signals/nests.h). Frames come and go
// last in, first out, and so does the list.
//
// Thread: of each list the coroutine that runs, or the thread that is no worker.
#pragma once

#include <cstdint>
#include <typeinfo>

namespace cprime::detail {

enum class NestKind : std::uint64_t { kScope = 1, kRecovering = 2, kHandling = 3, kDefer = 4 };

struct HeldSignal;

struct Nest {
    explicit Nest(NestKind of_kind) noexcept : kind(of_kind) {}
    Nest(const Nest&) = delete;
    Nest& operator=(const Nest&) = delete;

    Nest* outer = nullptr;
    NestKind kind;
    union {
        bool (*catches)(const std::type_info& type);  // kScope
        HeldSignal* recovering = nullptr;             // kRecovering; kHandling: of the coroutine made for it
        void (*run)(Nest* self);                      // kDefer; may throw
    };
    std::uint64_t seal = 0;  // of all this and where it lies: says that it is whole to who comes after a fault
};

extern "C" {
// At the front of the running coroutine's list, and out of it.
void cprime_nest_enter(Nest* nest) noexcept;
void cprime_nest_leave(Nest* nest) noexcept;
}

}  // namespace cprime::detail
