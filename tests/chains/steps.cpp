// The steps of chains, compiled once a build: CHAINS_BUILD is its name. See chain.h for what each function here must keep to.
//
// Every way in which compiled code calls code and a frame can look: recursion, virtual calls through a thunk, templates, lambdas, callbacks from C
// (qsort) and from an ostream, catch blocks, destructors during unwinding, frames of variable size, realigned ones, pushed arguments, busy registers.
#include "chain.h"

#include <cstdarg>
#include <cstdlib>
#include <ostream>
#include <streambuf>

namespace chains::CHAINS_BUILD {
namespace {

CHAINS_STEP void plain(Chain& chain) {
    CHAINS_HERE(chain);
    volatile char room[40];
    room[0] = 1;
    go_on(chain);
    if (draw(chain, 3) == 0) go_on(chain);  // and parks once more, less deep
    room[1] = room[0];
}

CHAINS_STEP unsigned recurse(Chain& chain, unsigned levels) {
    CHAINS_HERE(chain);
    if (levels == 0) {
        go_on(chain);
        return 1;
    }
    return recurse(chain, levels - 1) + levels;
}
CHAINS_STEP void recursion(Chain& chain) {
    CHAINS_HERE(chain);
    chain.random += recurse(chain, 1 + draw(chain, 6));
}

struct Goes {
    virtual void go(Chain& chain) = 0;
    virtual ~Goes() = default;
};
struct Other {
    virtual ~Other() = default;
    volatile int other = 0;
};
struct First final : Goes {
    CHAINS_STEP void go(Chain& chain) override {
        CHAINS_HERE(chain);
        go_on(chain);
    }
};
struct Second final : Other, Goes {  // called through a thunk
    CHAINS_STEP void go(Chain& chain) override {
        CHAINS_HERE(chain);
        volatile int before = other;
        go_on(chain);
        other = before;
    }
};
CHAINS_STEP void by_virtual(Chain& chain) {
    CHAINS_HERE(chain);
    First first;
    Second second;
    Goes* const volatile either[] = {&first, &second};
    either[draw(chain, 2)]->go(chain);
    asm volatile("" ::: "memory");
}

template <typename F>
CHAINS_STEP void apply(Chain& chain, const F& function) {
    CHAINS_HERE(chain);
    function(chain);
    asm volatile("" ::: "memory");
}
CHAINS_STEP void by_lambda(Chain& chain) {
    CHAINS_HERE(chain);
    volatile std::uint64_t local = chain.random;
    apply(chain, [&local](Chain& inner) CHAINS_STEP {
        CHAINS_HERE(inner);
        go_on(inner);
        local = local + inner.random;
    });
}

template <int N>
CHAINS_STEP void down(Chain& chain) {
    CHAINS_HERE(chain);
    volatile char room[N * 24];
    room[N] = 1;
    if constexpr (N > 1) {
        down<N - 1>(chain);
    } else {
        go_on(chain);
    }
    room[0] = room[N];
}
CHAINS_STEP void by_template(Chain& chain) {
    CHAINS_HERE(chain);
    down<4>(chain);
    asm volatile("" ::: "memory");
}

struct Item {
    std::uint64_t key;
    Chain* chain;
    bool* gone_on;
};
CHAINS_STEP int compare(const void* a, const void* b) {
    const auto* left = static_cast<const Item*>(a);
    CHAINS_HERE(*left->chain);
    if (!*left->gone_on) {
        *left->gone_on = true;
        go_on(*left->chain);
    }
    const std::uint64_t other = static_cast<const Item*>(b)->key;
    return left->key < other ? -1 : left->key > other ? 1 : 0;
}
CHAINS_STEP void by_qsort(Chain& chain) {
    CHAINS_HERE(chain);
    Item items[12];
    bool gone_on = false;
    for (Item& item : items)
        item = {draw(chain, 1000), &chain, &gone_on};
    std::qsort(items, 4 + draw(chain, 9), sizeof(Item), compare);
}

struct Shown {
    Chain& chain;
};
CHAINS_STEP std::ostream& operator<<(std::ostream& out, const Shown& shown) {
    CHAINS_HERE(shown.chain);
    go_on(shown.chain);
    return out;
}
class Buffer final : public std::streambuf {
public:
    CHAINS_INLINE explicit Buffer(Chain& chain) : chain_(chain) {}

private:
    CHAINS_STEP int_type
    overflow(int_type letter) override {  // called by libstdc++ from deep within a number being printed
        CHAINS_HERE(chain_);
        if (!gone_on_) {
            gone_on_ = true;
            go_on(chain_);
        }
        return letter;
    }
    Chain& chain_;
    bool gone_on_ = false;
};
CHAINS_STEP void by_stream(Chain& chain) {
    CHAINS_HERE(chain);
    Buffer buffer(chain);
    std::ostream out(&buffer);
    if (draw(chain, 2) == 0) {
        out << static_cast<long>(draw(chain, 1000));
    } else {
        out << Shown{chain};
    }
}

CHAINS_STEP void by_variable_frame(Chain& chain) {
    CHAINS_HERE(chain);
    const std::uint32_t bytes = 16 + draw(chain, 300);
    auto* room = static_cast<volatile char*>(__builtin_alloca(bytes));
    room[bytes - 1] = 1;
    go_on(chain);
    room[0] = room[bytes - 1];
}

CHAINS_STEP void realigned(Chain& chain) {
    CHAINS_HERE(chain);
    alignas(64) volatile char room[128];
    room[0] = 1;
    go_on(chain);
    room[64] = room[0];
}
CHAINS_STEP void realigned_and_variable(Chain& chain) {
    CHAINS_HERE(chain);
    alignas(64) volatile char room[64];
    auto* more = static_cast<volatile char*>(__builtin_alloca(16 + draw(chain, 200)));
    room[0] = 1;
    more[0] = room[0];
    go_on(chain);
    room[1] = more[0];
}

CHAINS_STEP std::uint64_t with_arguments(Chain& chain, std::uint64_t a, std::uint64_t b, std::uint64_t c,
                                         std::uint64_t d, std::uint64_t e, std::uint64_t f, std::uint64_t g,
                                         std::uint64_t h, std::uint64_t i) {
    CHAINS_HERE(chain);
    go_on(chain);
    return a + b * c + d * e + f * g + h * i;
}
CHAINS_STEP void pushed_arguments(Chain& chain) {
    CHAINS_HERE(chain);
    const std::uint64_t x = chain.random;
    chain.random += with_arguments(chain, x, x + 1, x + 2, x * 3, x / 4, x - 5, x ^ 6, x << 7, x >> 8) & 1;
}

CHAINS_STEP std::uint64_t variadic(Chain& chain, int count, ...) {
    CHAINS_HERE(chain);
    va_list rest;
    va_start(rest, count);
    std::uint64_t sum = 0;
    for (int i = 0; i < count; ++i)
        sum += va_arg(rest, std::uint64_t);
    go_on(chain);
    va_end(rest);
    return sum;
}
CHAINS_STEP void by_variadic(Chain& chain) {
    CHAINS_HERE(chain);
    chain.random += variadic(chain, 2, chain.random, chain.random >> 3) & 1;
}

// Values that live in the registers a call preserves, rbp among them where there are no frame pointers.
CHAINS_STEP void busy_registers(Chain& chain) {
    CHAINS_HERE(chain);
    std::uint64_t a = draw(chain, 9), b = draw(chain, 9), c = draw(chain, 9), d = draw(chain, 9),
                  e = draw(chain, 9), f = draw(chain, 9);
    asm volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f));
    go_on(chain);
    asm volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f));
    chain.random += a + b + c + d + e + f;
}

#ifdef __cpp_exceptions
struct Ball {
    int weight;
};
[[noreturn]] CHAINS_STEP void throw_ball(int weight) {
    throw Ball{weight};
}
CHAINS_STEP void in_catch_block(Chain& chain) {
    CHAINS_HERE(chain);
    try {
        throw_ball(1);
    } catch (const Ball& ball) {
        go_on(chain);
        chain.random += static_cast<unsigned>(ball.weight);
    }
}

struct Leaves {
    Chain& chain;
    CHAINS_STEP ~Leaves() {
        CHAINS_HERE(chain);
        go_on(chain);
    }
};
CHAINS_STEP void leave(Chain& chain) {
    CHAINS_HERE(chain);
    const Leaves leaves{chain};
    throw_ball(2);
}
CHAINS_STEP void in_destructor_while_unwinding(Chain& chain) {
    CHAINS_HERE(chain);
    try {
        leave(chain);
    } catch (const Ball&) {
    }
}
#endif

constexpr Step kSteps[] = {
    plain,
    plain,
    recursion,
    by_virtual,
    by_virtual,
    by_lambda,
    by_template,
    by_qsort,
    by_stream,
    by_stream,
    by_variable_frame,
    realigned,
    realigned_and_variable,
    busy_registers,
    pushed_arguments,
    by_variadic,
    busy_registers,
#ifdef __cpp_exceptions
    in_catch_block,
    in_destructor_while_unwinding,
#endif
};

}  // namespace
}  // namespace chains::CHAINS_BUILD

extern "C" chains::Steps CHAINS_JOIN(chains_steps_, CHAINS_BUILD)() {
    return {CHAINS_TEXT(CHAINS_BUILD), chains::CHAINS_BUILD::kSteps};
}
