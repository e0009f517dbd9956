// The library that bounds_fuzz damages: small, and of each thing that the proof of stack bounds reads a little. A jump table, an IFUNC, a large
// frame, calls of other libraries and through pointers, a cold part, virtual functions, and one spawn site.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

struct Shape {
    virtual ~Shape() = default;
    virtual long area(long n) const { return n; }
};
struct Square : Shape {
    long area(long n) const override { return n * n; }
};

long first_choice(long n) {
    return n + 1;
}
long second_choice(long n) {
    return n + 2;
}

}  // namespace

using Choice = long (*)(long);
extern "C" Choice sample_resolver() {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") ? &first_choice : &second_choice;
}
extern "C" long sample_chosen(long n) __attribute__((ifunc("sample_resolver")));

extern "C" long sample_table(long n, const Shape& shape) {
    switch (n) {
        case 0:
            return std::labs(n);
        case 1:
            return shape.area(n);
        case 2:
            return sample_chosen(n);
        case 3:
            return static_cast<long>(std::strlen("three"));
        case 4:
            return std::rand();
        case 5:
            return std::printf("%ld\n", n);
        default:
            if (n < -10) std::abort();
            return n * 3;
    }
}

extern "C" void sample_entry(void* closure) {
    volatile char bytes[9000];
    bytes[reinterpret_cast<std::uintptr_t>(closure) % sizeof bytes] = 1;
    Square square;
    sample_table(bytes[0], square);
}

// As the runtime's spawn() leaves it in a program.
struct ClosureType {
    void (*entry)(void*);
    std::uint64_t bytes, alignment, result_bytes;
};
extern const ClosureType sample_closure asm("_ZN6cprime6detail12closure_typeI1FvEE");
const ClosureType sample_closure = {&sample_entry, 24, 8, 0};
extern "C" const void* sample_spawns() {
    return &sample_closure;
}
