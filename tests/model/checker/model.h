// The model checker: tries every interleaving of a few short threads that run the source that ships.
//
//   model::Result result = model::explore({}, [](model::Program& program) {
//       auto& deque = program.make<WorkDeque>(2U, 4U);            // anew for each execution
//       program.thread([&] { deque.push(7); });                   // one to four threads
//       program.thread([&] { model::check(deque.steal() != 8, "an entry that nobody pushed"); });
//       program.finally([&] { … });                               // after all threads, seeing everything
//   });
//   EXPECT_TRUE(result.passed()) << result.report();
//
// What it tries. Threads are fibers of one thread. Each operation on sync::atomic, each fence, futex call and pause
// (runtime/scheduler/atomics.h, compiled with CPRIME_MODEL_ATOMICS) is a step; a depth-first search over a stack of choices
// runs the program anew for every order of steps, and for every value that a load may answer with. Orders that differ only in
// steps that cannot influence each other are tried once (sleep sets); with a bound on preemptions there are no sleep sets. A step at an atomic that
// one thread alone uses, or that nobody changes, is no choice (engine.h, contended locations).
//
// The memory model (memory.h) is that of C++20 but for load buffering: a load may answer with any store that nothing
// forbids it to see, so store buffers (a store that is late behind a later load: the missing StoreLoad fence) and everything
// weaker hardware does with relaxed, acquire and release are found; release sequences are those of C++20. Every
// sync::plain<T> (model::Plain), and every field of a record that is an atomic for viewers only (wire/shared.h, model::Guarded), is checked for two
// uses that happens-before does not order.
//
// What is a failure: check() that does not hold; a data race; use of freed memory; a deadlock (all that is left sleeps in a
// futex or pauses for a store that nobody will make: a lost wake); more steps than allowed (a livelock); an exception. The
// report lists the steps of that execution: thread, operation, value, what was stale, and the line of the source.
//
// What it does not try: futexes that wake for no reason, and timeouts (time stands still); std::atomic that has not been
// replaced is not a step; compilers that reorder around a light fence. Futexes wake in the order of waiting; the fences that a
// heavy fence puts into other threads come in one order. A loop that waits must contain sync::pause or yield_thread, and goes on
// only when there is something new to see, or nobody else can go on: a model is better given no spins before a sleep.
// Memory from `new` inside a program is never reused within an execution, and all of it is taken back after it: what a
// program keeps outside of itself must not allocate.
//
// To add a model: write tests/model/NAME_model.cpp with gtest tests as above and `coroscope_add_model(NAME_model)` in
// tests/model/CMakeLists.txt (SOURCES: further sources of the runtime, compiled with the replaced atomics; WORLD: coroutines on workers that
// park, use channels and select, see ../world/world.h). Keep the programs small: ten atomic operations a thread, or a bound of two or three
// preemptions. To add a mutant: see tests/mutants/mutants.toml.
//
// Thread: one exploration at a time, on the thread that calls explore().
#pragma once

#include <cstdint>
#include <functional>
#include <new>
#include <optional>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

namespace model {

inline constexpr int kThreadsMost = 4;

struct Options {
    int preemptions = -1;  // most switches away from a thread that could go on; -1: no bound
    int stale_reads = -1;  // most loads in one execution that do not see the newest value; -1: no bound
    std::uint32_t steps_most = 1'000;            // of one execution
    std::uint64_t executions_most = 20'000'000;  // then the exploration ends, incomplete
};

struct Failure {
    std::string kind;  // "check", "data race", "use after free", "deadlock", "livelock", "exception", "broken model"
    std::string what;   // one sentence
    std::string trace;  // the steps that led there, a line each
};

struct Result {
    std::uint64_t executions = 0;  // that ran to their end, or to the failure
    std::uint64_t cut_short = 0;   // given up as equal to one tried before
    std::uint64_t steps = 0;
    bool complete = false;  // everything within the bounds was tried
    std::optional<Failure> failure;

    bool passed() const { return complete && !failure; }
    std::string report() const;
};

// One execution's objects and threads. Thread: that of explore(), while it sets up.
class Program {
public:
    // An object that lives until the end of the execution; destroyed after finally, the newest first.
    template <typename T, typename... Arguments>
    T& make(Arguments&&... arguments) {
        T* const object = new T(std::forward<Arguments>(arguments)...);
        destroyers_.push_back([object] { delete object; });
        return *object;
    }
    void thread(std::function<void()> body) { bodies_.push_back(std::move(body)); }
    void finally(std::function<void()> body) { finals_.push_back(std::move(body)); }

private:
    friend class Engine;
    std::vector<std::function<void()>> bodies_, finals_, destroyers_;
};

// Runs `setup`, and the program that it describes, once for each execution. Stops at the first failure. `setup` and all that it
// starts must do the same each time, but for what they read from atomics.
Result explore(const Options& options, const std::function<void(Program&)>& setup);

// Inside a program: ends the execution with a failure unless `holds`.
void check(bool holds, const char* what, std::source_location where = std::source_location::current());

// Inside a program: which of its threads runs, in the order of Program::thread, from 1; 0 while it sets up and at its end.
int this_thread();

}  // namespace model
