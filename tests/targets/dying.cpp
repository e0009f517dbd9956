// A program that dies in a coroutine, among others that wait.
//
//   dying HOW
//
// HOW is one of
//   write     writes through a null pointer                  SIGSEGV, in the coroutine's own code
//   call      calls a null pointer                           SIGSEGV, at no code at all
//   abort     calls abort()                                  SIGABRT, in libc on the coroutine's stack
//   misuse    joins itself, which the runtime refuses        SIGABRT, on the worker's stack
//   overflow  recurses until its stack is used up            SIGSEGV, and a report on the alternate stack
//   deep      recurses over several stack segments, where its code is growable (dying_growable), and writes through a null pointer
//   kernel    hands a bad pointer to time()                  SIGSEGV, in the kernel's own code in the program (vdso)
//   handler   aborts in a handler of SIGTRAP of its own      SIGABRT, on the alternate stack
//
// Some coroutines receive for good before it happens; the one that dies is called "victim".
#include <cprime/cprime.h>

#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

namespace {

constexpr int kWaiting = 5;

cprime::JoinHandle<void> victim;

__attribute__((noinline)) int receive_for_good(const cprime::Receiver<int>& in) {
    int sum = 0;
    while (auto item = in.receive())
        sum += *item;
    return sum;
}

__attribute__((noinline)) int use_up_the_stack(volatile int* above) {
    volatile int room[64] = {};
    room[0] = *above + 1;
    if (room[0] == 0) return 0;  // it counts up: never
    return use_up_the_stack(room) + room[1];
}

__attribute__((noipa)) int die_deep_down(int depth) {
    volatile int room[1000] = {};
    volatile int* volatile nowhere = nullptr;
    if (depth == 0) *nowhere = 1;
    if (depth < 0) return 0;
    return die_deep_down(depth - 1) + room[1];
}

void abort_in_handler(int) {
    std::abort();
}

__attribute__((noinline)) void raise_in_handler() {
    struct sigaction action {};
    action.sa_handler = &abort_in_handler;
    action.sa_flags = SA_ONSTACK | SA_NODEFER;
    sigaction(SIGTRAP, &action, nullptr);
    raise(SIGTRAP);
}

__attribute__((noinline)) void die(const std::string& how) {
    volatile int* volatile nowhere = nullptr;
    void (*volatile no_function)() = nullptr;
    volatile int bottom = 0;
    if (how == "write") *nowhere = 1;
    if (how == "call") no_function();
    if (how == "abort") std::abort();
    if (how == "misuse") victim.join();
    if (how == "overflow") use_up_the_stack(&bottom);
    if (how == "deep") die_deep_down(100);
    if (how == "kernel") time(reinterpret_cast<time_t*>(8));
    if (how == "handler") raise_in_handler();
    std::printf("still here\n");  // no tail call above
}

}  // namespace

int main(int argc, char** argv) {
    const std::string how = argc > 1 ? argv[1] : "write";
    return cprime::run({.workers = 2}, [=] {
        auto [nobody, in] = cprime::make_channel<int>("nothing comes", 0);
        auto [go, begin] = cprime::make_channel<int>("begin", 0);
        std::vector<cprime::JoinHandle<void>> waiting;
        for (int i = 0; i < kWaiting; ++i)
            waiting.push_back(cprime::spawn("receiver", [rx = in] { receive_for_good(rx); }));
        victim = cprime::spawn("victim", [how, rx = begin] {
            (void)rx.receive();
            die(how);
        });
        go.send(1);
        return receive_for_good(in);
    });
}
