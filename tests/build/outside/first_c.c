/* The smallest whole program in C: a coroutine that adds and yields, and a main that waits for it. */
#include <cprime/co.h>
#include <stdio.h>

static void add(void* argument) {
    int* sum = argument;
    for (int i = 1; i <= 4; ++i) {
        *sum += i;
        co_yield();
    }
}

int main(void) {
    int sum = 0;
    if (co_init() != 0) return 1;
    co_t* adder = co_spawn(add, &sum);
    if (adder == NULL) return 1;
    co_join(adder);
    printf("sum %d\n", sum);
    return 0;
}
