#include "arena.h"

#include <sys/mman.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <new>

#include "instrumentation/base/check.h"

namespace model::arena {
namespace {

constexpr std::size_t kBytes = 64 << 20;
constexpr std::size_t kFreedMost = 4096;

// Stands before each piece.
struct Header {
    std::size_t bytes;
};

struct Range {
    std::uintptr_t begin, end;
};

bool active = false;
std::uintptr_t low = 0, next = 0;
std::array<Range, kFreedMost> freed;
std::size_t freed_count = 0;

void* allocate(std::size_t bytes, std::size_t alignment) {
    if (low == 0) {
        void* const memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        CHECK(memory != MAP_FAILED);
        low = next = reinterpret_cast<std::uintptr_t>(memory);
    }
    const std::uintptr_t begin = (next + sizeof(Header) + alignment - 1) & ~(alignment - 1);
    CHECK(begin + bytes <= low + kBytes && "a model's program needs more than 64 MiB");
    next = begin + bytes;
    reinterpret_cast<Header*>(begin)[-1].bytes = bytes;
    return reinterpret_cast<void*>(begin);
}

bool holds(const void* address) {
    const auto place = reinterpret_cast<std::uintptr_t>(address);
    return place >= low && place < low + kBytes && low != 0;
}

void release(void* address) {
    const auto begin = reinterpret_cast<std::uintptr_t>(address);
    CHECK(freed_count < kFreedMost && "a model's program frees too often");
    freed[freed_count++] = {begin, begin + static_cast<Header*>(address)[-1].bytes};
}

}  // namespace

void set_active(bool on) {
    active = on;
}

void reset() {
    next = low;
    freed_count = 0;
}

std::size_t freed_times() {
    return freed_count;
}

bool is_freed(const void* address) {
    const auto place = reinterpret_cast<std::uintptr_t>(address);
    for (std::size_t i = 0; i < freed_count; ++i)
        if (place >= freed[i].begin && place < freed[i].end) return true;
    return false;
}

}  // namespace model::arena

// The forms that are not here (arrays, sized, nothrow) call these.
void* operator new(std::size_t bytes) {
    if (model::arena::active) return model::arena::allocate(bytes, alignof(std::max_align_t));
    void* const memory = std::malloc(bytes != 0 ? bytes : 1);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
    const auto align = static_cast<std::size_t>(alignment);
    if (model::arena::active) return model::arena::allocate(bytes, align);
    void* const memory = std::aligned_alloc(align, (bytes + align - 1) & ~(align - 1));
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}
void operator delete(void* memory) noexcept {
    if (!model::arena::holds(memory)) {
        std::free(memory);
    } else if (model::arena::active) {  // else: the engine itself drops what a program left
        model::arena::release(memory);
    }
}
void operator delete(void* memory, std::size_t) noexcept {
    operator delete(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
    operator delete(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
    operator delete(memory);
}
