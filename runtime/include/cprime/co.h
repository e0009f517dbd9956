/* CPrime for C: coroutines in plain C99 (with GNU's inline and statement expressions: gcc and clang).
 *
 *   static void work(void* argument) { for (int i = 0; i < 3; ++i) { printf("%s %d\n", (char*)argument, i); co_sleep_ms(100); } }
 *
 *   int main(void) {
 *       if (co_init() != 0) return 1;
 *       co_detach(co_spawn(work, "one"));
 *       co_detach(co_spawn(work, "two"));
 *       return co_run();
 *   }
 *
 * The same runtime as <cprime/cprime.h>: workers, stacks, signals, and everything that Coroscope shows. Link with libcprime.a as
 * pkg-config says. C++ programs use <cprime/cprime.h>; in C++20 co_yield is a keyword.
 *
 * What waits (co_yield, co_sleep_ms, co_join) parks a coroutine, and blocks a thread that is none, such as main's. It answers
 * CO_OK, or CO_CANCELLED when the runtime is shutting down (by SIGINT, say): clean up and return from the coroutine.
 *
 * Tested in tests/unit/runtime/co_test.c; runtime/examples/poc is a whole program.
 */
#ifndef CPRIME_CO_H
#define CPRIME_CO_H

#ifdef __cplusplus
#error "<cprime/co.h> is for C; C++ programs include <cprime/cprime.h>"
#endif

#include <stdint.h>

enum { CO_OK = 0, CO_CANCELLED = 1, CO_ERROR = -1 };

/* How much stack a coroutine gets; see <cprime/spawn.h>. */
enum co_size { CO_SIZE_DEFAULT = 0, CO_MICRO = 1, CO_SMALL = 2, CO_MEDIUM = 3, CO_LARGE = 4 };

/* A coroutine to be joined or detached, once. */
typedef struct co co_t;

/* Starts the runtime: as many workers as CPRIME_WORKERS says, else as there are processors. CO_OK, also when it runs already;
 * CO_ERROR, with a sentence on stderr, when it cannot. It ends with co_run(), or in order when main returns. Any thread but a
 * coroutine. */
int co_init(void);

/* Makes a coroutine that calls function(argument); it is named after the function. NULL when there is no memory for it, or no
 * co_init() before. Any thread. */
#define co_spawn(function, argument) co_spawn_sized(CO_SIZE_DEFAULT, function, argument)
/* The same with a hint: its frames need so many bytes of stack, at least 5. The smallest class that holds them, unless more was seen. */
#define co_spawn_stack(bytes, function, argument) co_spawn_sized((bytes), function, argument)
#define co_spawn_sized(size, function, argument)                                        \
    __extension__({                                                                     \
        static const struct co_place co_place_here = {__FILE__, __func__, __LINE__, 0}; \
        co_spawn_at(&co_place_here, #function, (size), (function), (argument));         \
    })

/* Waits until the coroutine has ended and frees `co`. CO_CANCELLED: the caller is to end; `co` stays as it is. */
static inline int co_join(co_t* co);

/* Lets the coroutine go on alone and frees `co`. NULL is no mistake. Any thread. */
void co_detach(co_t* co);

/* Lets every other ready coroutine run first. */
static inline int co_yield(void);

/* Waits for at least `milliseconds`. */
static inline int co_sleep_ms(uint64_t milliseconds);

/* Waits until every coroutine has ended, then stops the runtime. CO_ERROR in a coroutine, or without co_init(). */
int co_run(void);

/* --- What the lines above are made of. The wrappers are always inlined, so that where a coroutine waits is a line of yours.
 * Their requests are read by the runtime as those of C++ (runtime/c_api checks that they agree). */

struct co_place { /* lives as long as the program */
    const char* file;
    const char* function;
    unsigned line, column;
};
/* size: an enum co_size, or, above those, bytes of stack. */
co_t* co_spawn_at(const struct co_place* place, const char* name, uint32_t size, void (*function)(void*), void* argument);

struct co {
    uint64_t identity;
    uint32_t coroutine;
};
struct co_yield_call {
    uint8_t status;
};
struct co_sleep_call {
    int64_t duration_ns;
    uint8_t status;
};
struct co_join_call {
    uint32_t coroutine;
    uint64_t identity;
    uint8_t status;
    void* reserved[4];
};
void cprime_park(void* (*function)(void* worker, uint32_t coroutine, void* call), void* call);
void* cprime_co_yield(void* worker, uint32_t coroutine, void* call);
void* cprime_co_sleep(void* worker, uint32_t coroutine, void* call);
void* cprime_co_join(void* worker, uint32_t coroutine, void* call);

#define CO_ALWAYS_INLINE static inline __attribute__((always_inline, unused))
#define CO_PARK(function, call)        \
    (cprime_park((function), (call))); \
    __asm__ volatile("" ::: "memory") /* no tail call: this frame is the one that is shown */

CO_ALWAYS_INLINE int co_yield(void) {
    struct co_yield_call call = {0};
    CO_PARK(cprime_co_yield, &call);
    return call.status == 0 ? CO_OK : CO_CANCELLED;
}
CO_ALWAYS_INLINE int co_sleep_ms(uint64_t milliseconds) {
    struct co_sleep_call call = {(int64_t)milliseconds * 1000000, 0};
    CO_PARK(cprime_co_sleep, &call);
    return call.status == 0 ? CO_OK : CO_CANCELLED;
}
CO_ALWAYS_INLINE int co_join(co_t* co) {
    struct co_join_call call = {co->coroutine, co->identity, 0, {0}};
    CO_PARK(cprime_co_join, &call);
    if (call.status != 0) return CO_CANCELLED;
    co_detach(co);
    return CO_OK;
}

#endif
