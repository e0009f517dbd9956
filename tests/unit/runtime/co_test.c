/* The C interface, used from C99: prints a line for every expectation that does not hold and ends with 1. */
#define _POSIX_C_SOURCE 200112L /* setenv */
#include <cprime/co.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures = 0;
#define EXPECT(condition)                                                           \
    do {                                                                            \
        if (!(condition)) {                                                         \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            ++failures;                                                             \
        }                                                                           \
    } while (0)

static char order[64];
static void note(const char* letter) {
    strncat(order, letter, sizeof order - strlen(order) - 1);
}

static void letters(void* argument) {
    for (int i = 0; i < 3; ++i) {
        note(argument);
        EXPECT(co_yield() == CO_OK);
    }
}

static void child_of_main(void* argument) {
    *(int*)argument += 1;
}

static void parent(void* argument) {
    co_t* first = co_spawn(child_of_main, argument);
    co_t* second = co_spawn_sized(CO_SMALL, child_of_main, argument);
    EXPECT(first != NULL && second != NULL);
    EXPECT(co_join(first) == CO_OK);
    EXPECT(co_join(second) == CO_OK);
    EXPECT(co_run() == CO_ERROR); /* only a thread may wait for all coroutines */
}

static void sleeper(void* argument) {
    EXPECT(co_sleep_ms(20) == CO_OK);
    note(argument);
}

static void micro(void* argument) {
    for (int i = 0; i < 100; ++i) {
        *(int*)argument += 1;
        co_yield();
    }
}

/* Still asleep when main returns: the end of the program cancels it, and waits until it has returned. */
static void asleep_at_the_end(void* argument) {
    (void)argument;
    if (co_sleep_ms(60000) != CO_CANCELLED) _Exit(1);
}

static void before_init(void) {
    EXPECT(co_spawn(letters, "x") == NULL);
    EXPECT(co_run() == CO_ERROR);
    co_detach(NULL);
}

static void yielding_alternates(void) {
    order[0] = '\0';
    co_t* a = co_spawn(letters, "a");
    co_t* b = co_spawn(letters, "b");
    EXPECT(co_join(a) == CO_OK);
    EXPECT(co_join(b) == CO_OK);
    EXPECT(strlen(order) == 6);
}

static void coroutines_spawn_and_join(void) {
    int sum = 0;
    co_t* co = co_spawn(parent, &sum);
    EXPECT(co_join(co) == CO_OK);
    EXPECT(sum == 2);
}

static void sleeping_takes_turns(void) {
    order[0] = '\0';
    co_t* co = co_spawn(sleeper, "s");
    note("m");
    EXPECT(co_join(co) == CO_OK);
    EXPECT(strcmp(order, "ms") == 0);
    EXPECT(co_sleep_ms(1) == CO_OK); /* a thread sleeps, too */
    EXPECT(co_yield() == CO_OK);
}

static void a_micro_stack_is_enough_for_a_loop(void) {
    int count = 0;
    co_t* co = co_spawn_sized(CO_MICRO, micro, &count);
    EXPECT(co_join(co) == CO_OK);
    EXPECT(count == 100);
}

int main(void) {
    EXPECT(setenv("CPRIME_WORKERS", "1", 1) == 0); /* what is noted and counted is noted and counted by one at a time */
    before_init();
    for (int round = 0; round < 2; ++round) { /* co_init() works again after co_run() */
        EXPECT(co_init() == CO_OK);
        EXPECT(co_init() == CO_OK);
        yielding_alternates();
        coroutines_spawn_and_join();
        sleeping_takes_turns();
        a_micro_stack_is_enough_for_a_loop();
        static int detached = 0;
        for (int i = 0; i < 10; ++i)
            co_detach(co_spawn(child_of_main, &detached));
        EXPECT(co_run() == CO_OK);
        EXPECT(detached == 10 * (round + 1));
    }
    EXPECT(co_init() == CO_OK); /* and a program may end without co_run() */
    co_detach(co_spawn(asleep_at_the_end, NULL));
    return failures == 0 ? 0 : 1;
}
