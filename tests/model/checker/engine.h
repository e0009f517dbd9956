// Engine: runs a program once for each way through its choices.
//
// A choice is which thread makes the next step, or which store a load reads. The choices of one execution form a stack; the next
// execution repeats all but the last of them that has something left to try, takes the next there, and chooses freely from
// then on. Everything else is deterministic: memory.h, arena.h.
//
// Sleep sets: once all that can follow a step of thread t at some point has been tried, t sleeps in what is tried next there,
// until somebody makes a step that depends on t's; an execution in which every thread that could go on sleeps is cut short,
// as one equal to it has been tried. (Godefroid, "Partial-Order Methods for the Verification of Concurrent Systems", 1996.)
//
// Contended locations: a step at an atomic that one thread alone uses, or that nobody changes or frees, is made at once, without a choice. Which
// ones are contended is found out on the way: the exploration begins with none, and begins anew each time that it meets another one. When it ends,
// no execution in it has met one that it did not know; nor could another one have, which would differ from one of these by steps
// that nobody else can see.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

#include "fiber.h"
#include "memory.h"
#include "model.h"
#include "model_atomics.h"
#include "operation.h"
#include "trace.h"

namespace model {

class Engine {
public:
    // `setup` outlives the engine.
    Engine(const Options& options, const std::function<void(Program&)>& setup)
        : options_(options), setup_(setup) {}
    Result explore();

    // On a thread of the model.
    void perform(Operation& operation);
    void note_made(Registration& made);
    std::uint32_t location_of(Registration& made, const void* address, std::uint64_t initial);
    bool is_location(const Registration& made) const;
    int current_thread() const { return current_; }
    void use_plain(PlainUses& uses, const void* address, bool write);
    [[noreturn]] void fail_here(const char* kind, const std::string& what);

    // The steps of the present execution.
    std::string trace() const { return describe(steps_); }

private:
    using Threads = std::uint32_t;  // one bit a thread
    enum class State { kReady, kAsleep, kDone };
    struct Thread {
        Fiber fiber;
        State state = State::kDone;
        Operation* pending = nullptr;  // its next step, on its stack
        int futile_pauses = 0;         // since it saw or wrote something new
    };
    struct Choice {
        bool of_thread;
        std::uint32_t taken;
        std::uint32_t count;     // of stores
        Threads candidates = 0;  // threads that are to be tried here
        Threads done = 0;        // ... and have been
    };
    struct Entry {
        Engine* engine;
        int thread;
    };

    void reset();
    bool run_once();
    void run(int thread);
    void run_alone();
    bool next_path();
    Threads runnable();
    int choose_thread(Threads runnable);
    int without_choice(Threads able) const;
    bool is_private(int thread) const;
    void note_use(int thread, std::uint32_t location, bool changes);
    void note_freed(int thread);
    std::uint32_t choose_age(std::size_t count);
    void step(int thread);
    void wake(std::uint32_t location, std::uint64_t most);
    void stuck();
    void fail(const char* kind, const std::string& what);
    static void thread_main(void* entry);
    void whole_program();

    const Options options_;
    const std::function<void(Program&)>& setup_;
    Result result_;
    Memory memory_;
    std::array<Thread, kClocks> threads_;
    std::array<Entry, kClocks> entries_{};
    std::vector<Choice> choices_;
    std::unordered_set<const void*> contended_;  // addresses of atomics: the same in each execution
    std::uint32_t execution_ = 0;                // number of the present one

    // Of the present execution.
    struct Users {
        const void* address = nullptr;
        Threads threads = 0;
        bool changed = false;
        bool contended = false;
    };
    std::array<Users, kLocationsMost> users_;
    bool met_contention_ = false;  // that was not known
    Program* program_ = nullptr;   // on the stack of thread 0
    int threads_count_ = 0;
    int current_ = 0;
    int last_ = 0;
    std::size_t cursor_ = 0;  // next of choices_
    Threads sleeping_ = 0;    // the sleep set
    int preemptions_ = 0;
    int stale_reads_ = 0;
    std::vector<int> waiting_;  // in futexes, the oldest first
    std::vector<std::uint32_t> ages_;
    std::vector<Step> steps_;
};

}  // namespace model
