// Growable code outside the tree: a coroutine on 256 bytes that recurses and prints.
#include <cprime/cprime.h>

#include <cstdio>

__attribute__((noinline)) int sum_to(int number) {
    volatile char frame[100];
    frame[0] = 0;
    return number == 0 ? frame[0] : sum_to(number - 1) + number;
}

int main() {
    return cprime::run({.workers = 1}, [] {
        auto sum = cprime::spawn({.name = "sum", .size_class = cprime::size_class::micro}, [] { return sum_to(10000); }).join();
        std::printf("sum %d\n", *sum);
        return 0;
    });
}
