#include "engine.h"

#include <bit>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "arena.h"
#include "instrumentation/base/check.h"
#include "model_atomics.h"

namespace model {
namespace {

constexpr int kFutilePausesMost = 200;  // pauses in a row of the only threads left, in which nothing changed

Engine* g_engine = nullptr;  // that explores

Engine& engine() {
    CHECK(g_engine != nullptr && "replaced atomics are used outside of model::explore()");
    return *g_engine;
}

// The checker's own allocations, on a thread of the model.
class OutsideProgram {
public:
    OutsideProgram() { arena::set_active(false); }
    ~OutsideProgram() { arena::set_active(true); }
};

// A failed CHECK of the source that is tried, or a crash: how it came to that.
void crashed(int signal) {
    arena::set_active(false);
    std::fprintf(stderr, "model: the program was ended by signal %d after these steps:\n%s", signal,
                 engine().trace().c_str());
    std::signal(signal, SIG_DFL);
    std::raise(signal);
}

}  // namespace

void note_made(Registration& made) {
    if (g_engine != nullptr) g_engine->note_made(made);
}
std::uint32_t location_of(Registration& made, const void* address, std::uint64_t initial) {
    return engine().location_of(made, address, initial);
}
bool is_location(const Registration& made) {
    return engine().is_location(made);
}
void perform(Operation& operation) {
    engine().perform(operation);
}
void use_plain(PlainUses& uses, const void* address, bool write) {
    engine().use_plain(uses, address, write);
}
void check(bool holds, const char* what, std::source_location where) {
    if (!holds) engine().fail_here("check", std::string(what) + " (" + place(where) + ")");
}

int this_thread() {
    return engine().current_thread();
}

Result explore(const Options& options, const std::function<void(Program&)>& setup) {
    CHECK(g_engine == nullptr);
    Engine own(options, setup);
    g_engine = &own;
    const Result result = own.explore();
    g_engine = nullptr;
    std::printf("model: %llu executions, %llu cut short, %llu steps%s%s\n",
                static_cast<unsigned long long>(result.executions),
                static_cast<unsigned long long>(result.cut_short),
                static_cast<unsigned long long>(result.steps), result.complete ? "" : ", incomplete",
                result.failure ? ", failed" : "");
    return result;
}

std::string Result::report() const {
    if (passed()) return "every execution passed";
    if (!failure)
        return "not everything was tried within the most executions allowed: make the program smaller or "
               "bound it";
    return failure->kind + ": " + failure->what + "\n" + failure->trace;
}

Result Engine::explore() {
    constexpr int kSignals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    for (const int signal : kSignals)
        std::signal(signal, crashed);
    while (true) {
        const bool to_its_end = run_once();
        ++(to_its_end ? result_.executions : result_.cut_short);
        if (result_.failure) break;
        if (met_contention_) {
            choices_.clear();
            result_ = {};
            continue;
        }
        if (!next_path()) {
            result_.complete = true;
            break;
        }
        if (result_.executions == options_.executions_most) break;
    }
    for (const int signal : kSignals)
        std::signal(signal, SIG_DFL);
    return std::move(result_);
}

void Engine::reset() {
    arena::reset();
    memory_.reset();
    steps_.clear();
    waiting_.clear();
    program_ = nullptr;
    threads_count_ = last_ = preemptions_ = stale_reads_ = 0;
    cursor_ = 0;
    sleeping_ = 0;
    ++execution_;
    met_contention_ = false;
    users_ = {};
    for (std::size_t i = 0; i < kClocks; ++i) {
        Thread& thread = threads_[i];
        thread.state = State::kDone;
        thread.pending = nullptr;
        thread.futile_pauses = 0;
        entries_[i] = {this, static_cast<int>(i)};
    }
}

// One execution. False: cut short.
bool Engine::run_once() {
    reset();
    threads_[0].fiber.start(thread_main, &entries_[0]);
    run_alone();
    if (result_.failure) return true;
    threads_count_ = static_cast<int>(program_->bodies_.size());
    CHECK(threads_count_ >= 1 && threads_count_ <= kThreadsMost);
    for (int i = 1; i <= threads_count_ && !result_.failure; ++i) {
        memory_.start_thread(i);
        threads_[i].state = State::kReady;
        threads_[i].fiber.start(thread_main, &entries_[i]);
        run(i);
    }
    while (!result_.failure) {
        const Threads able = runnable();
        if (able == 0) break;
        const int thread = choose_thread(able);
        if (thread < 0) return false;
        step(thread);
    }
    if (!result_.failure) {
        memory_.join_all(threads_count_);
        run_alone();
    }
    return true;
}

// Runs a thread's code up to its next step.
void Engine::run(int thread) {
    current_ = thread;
    threads_[thread].pending = nullptr;
    arena::set_active(true);
    const std::size_t freed_before = arena::freed_times();
    threads_[thread].fiber.resume();
    arena::set_active(false);
    if (thread != 0 && arena::freed_times() != freed_before) note_freed(thread);
}

// Setup, or finally: thread 0 with nobody beside it, up to its next suspend() without a step.
void Engine::run_alone() {
    threads_[0].state = State::kReady;
    for (run(0); threads_[0].pending != nullptr && !result_.failure; run(0)) {
        Operation& operation = *threads_[0].pending;
        if (arena::is_freed(operation.address))
            return fail("use after free", "of an atomic, at " + place(operation.where));
        memory_.execute(0, operation, 0, threads_count_);
        steps_.push_back({0, 0, operation});
        if (operation.kind == Kind::kFutexWait && operation.success)
            return fail("deadlock", "setup or finally sleeps");
    }
}

void Engine::thread_main(void* pointer) {
    const Entry entry = *static_cast<Entry*>(pointer);
    Engine& self = *entry.engine;
    try {
        if (entry.thread == 0) {
            self.whole_program();
        } else {
            self.program_->bodies_[static_cast<std::size_t>(entry.thread) - 1]();
        }
    } catch (const std::exception& escaped) {
        self.fail_here("exception", escaped.what());
    } catch (...) {
        self.fail_here("exception", "of unknown type");
    }
    Thread& thread = self.threads_[entry.thread];
    thread.state = State::kDone;
    thread.pending = nullptr;
    thread.fiber.suspend();
}

void Engine::whole_program() {
    Program program;
    program_ = &program;
    setup_(program);
    threads_[0].pending = nullptr;
    threads_[0].fiber.suspend();  // the threads run
    for (const auto& final : program.finals_)
        final();
    while (!program.destroyers_.empty()) {
        program.destroyers_.back()();
        program.destroyers_.pop_back();
    }
}

// Takes the last choice that has something left the other way. False: there is none.
bool Engine::next_path() {
    while (!choices_.empty()) {
        Choice& choice = choices_.back();
        if (!choice.of_thread) {
            if (++choice.taken < choice.count) return true;
        } else {
            choice.done |= 1U << choice.taken;
            const Threads left = choice.candidates & ~choice.done;
            choice.taken = static_cast<std::uint32_t>(std::countr_zero(left));
            if (left != 0) return true;
        }
        choices_.pop_back();
    }
    return false;
}

// Threads that can make a step. 0: all are done, or stuck (which is then a failure).
Engine::Threads Engine::runnable() {
    Threads able = 0, pausing = 0;
    bool all_done = true;
    for (int i = 1; i <= threads_count_; ++i) {
        const Thread& thread = threads_[i];
        all_done = all_done && thread.state == State::kDone;
        if (thread.state != State::kReady) continue;
        const bool waits = thread.pending->kind == Kind::kPause && !memory_.has_unseen(i);
        (waits ? pausing : able) |= 1U << i;
    }
    if (able != 0) return able;
    // Only pauses are left, in which nothing new can be seen: a loop that gives up after some of them may go on.
    for (int i = 1; i <= threads_count_; ++i)
        if (((pausing >> i) & 1U) != 0 && threads_[i].futile_pauses > kFutilePausesMost)
            pausing &= ~(1U << i);
    if (pausing == 0 && !all_done) stuck();
    return pausing;
}

// Whether nobody else can see the thread's next step, as far as is known.
bool Engine::is_private(int thread) const {
    const Operation& operation = *threads_[thread].pending;
    return operation.is_local() && (!operation.has_location() || !users_[operation.location].contended);
}

// A thread whose next step needs no choice; -1: none.
int Engine::without_choice(Threads able) const {
    if (options_.preemptions >= 0) return ((able >> last_) & 1U) != 0 && is_private(last_) ? last_ : -1;
    for (int i = 1; i <= threads_count_; ++i)
        if ((((able & ~sleeping_) >> i) & 1U) != 0 && is_private(i)) return i;
    return -1;
}

void Engine::note_use(int thread, std::uint32_t location, bool changes) {
    Users& users = users_[location];
    users.threads |= 1U << thread;
    users.changed |= changes;
    if (users.contended || !users.changed || std::has_single_bit(users.threads)) return;
    users.contended = met_contention_ = true;
    contended_.insert(users.address);
}

// The thread has freed memory: that changes the atomics in it.
void Engine::note_freed(int thread) {
    for (std::uint32_t i = 0; i < memory_.locations_count(); ++i)
        if (users_[i].threads != 0 && arena::is_freed(users_[i].address)) note_use(thread, i, true);
}

int Engine::choose_thread(Threads able) {
    if (const int thread = without_choice(able); thread >= 0) {
        last_ = thread;
        return thread;
    }
    const bool bounded = options_.preemptions >= 0;
    const bool last_is_able = ((able >> last_) & 1U) != 0 && threads_[last_].pending->kind != Kind::kPause;
    Threads candidates = able & ~sleeping_;
    if (bounded && last_is_able && preemptions_ == options_.preemptions) candidates = 1U << last_;
    if (cursor_ == choices_.size()) {
        if (candidates == 0) return -1;
        const bool stays = ((candidates >> last_) & 1U) != 0;
        const int taken = stays ? last_ : std::countr_zero(candidates);
        choices_.push_back({.of_thread = true,
                            .taken = static_cast<std::uint32_t>(taken),
                            .count = 0,
                            .candidates = candidates});
    }
    const Choice& choice = choices_[cursor_++];
    if (!choice.of_thread || choice.candidates != candidates) {
        fail("broken model", "the program does not do the same each time");
        return last_;
    }
    if (!bounded) sleeping_ |= choice.done;
    const int taken = static_cast<int>(choice.taken);
    if (last_is_able && taken != last_) ++preemptions_;
    last_ = taken;
    return taken;
}

std::uint32_t Engine::choose_age(std::size_t count) {
    if (stale_reads_ == options_.stale_reads || count == 1) return 0;
    if (cursor_ == choices_.size()) {
        choices_.push_back({.of_thread = false, .taken = 0, .count = static_cast<std::uint32_t>(count)});
    }
    const Choice& choice = choices_[cursor_++];
    if (choice.of_thread || choice.count != count)
        fail("broken model", "the program does not do the same each time");
    if (choice.taken != 0) ++stale_reads_;
    return ages_[choice.taken];
}

void Engine::step(int number) {
    if (result_.failure) return;
    Thread& thread = threads_[number];
    Operation& operation = *thread.pending;
    for (int other = 1; other <= threads_count_; ++other)
        if (((sleeping_ >> other) & 1U) != 0 && dependent(*threads_[other].pending, operation))
            sleeping_ &= ~(1U << other);

    if (operation.has_location()) {
        if (arena::is_freed(operation.address))
            return fail("use after free", "of an atomic, at " + place(operation.where));
        if (!memory_.knows_location(number, operation))
            return fail("data race",
                        "an atomic is used before its construction is known, at " + place(operation.where));
        note_use(number, operation.location, operation.writes());
        memory_.readable_ages(number, operation, ages_);
    } else {
        ages_.assign(1, 0);
    }
    if (operation.kind == Kind::kPause) {
        thread.futile_pauses = memory_.has_unseen(number) ? 0 : thread.futile_pauses + 1;
    } else if (operation.writes()) {
        thread.futile_pauses = 0;
    }
    const std::uint32_t age = choose_age(ages_.size());
    memory_.execute(number, operation, age, threads_count_);
    steps_.push_back({number, age, operation});
    ++result_.steps;
    if (steps_.size() > options_.steps_most) return fail("livelock", "more steps than an execution may have");
    if (operation.kind == Kind::kFutexWait && operation.success) {
        thread.state = State::kAsleep;
        waiting_.push_back(number);
        return;
    }
    if (operation.kind == Kind::kFutexWake) wake(operation.location, operation.value);
    run(number);
}

void Engine::wake(std::uint32_t location, std::uint64_t most) {
    for (std::size_t i = 0; i < waiting_.size() && most > 0;) {
        Thread& thread = threads_[waiting_[i]];
        if (thread.pending->location != location) {
            ++i;
            continue;
        }
        thread.state = State::kReady;
        thread.pending->kind = Kind::kWoken;
        waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
        --most;
    }
}

void Engine::stuck() {
    std::string what;
    for (int i = 1; i <= threads_count_; ++i) {
        if (threads_[i].state == State::kDone) continue;
        what += (what.empty() ? "" : "; ") + std::string("thread ") + std::to_string(i) +
                (threads_[i].state == State::kAsleep ? " sleeps at " : " waits for a store at ") +
                place(threads_[i].pending->where);
    }
    fail("deadlock", what);
}

void Engine::fail(const char* kind, const std::string& what) {
    if (!result_.failure) result_.failure = Failure{kind, what, trace()};
}

void Engine::fail_here(const char* kind, const std::string& what) {
    arena::set_active(false);
    fail(kind, "thread " + std::to_string(current_) + ": " + what);
    threads_[current_].fiber.suspend();
    std::abort();  // nobody resumes a failed execution
}

void Engine::perform(Operation& operation) {
    threads_[current_].pending = &operation;
    threads_[current_].fiber.suspend();
}

void Engine::note_made(Registration& made) {
    made = {.execution = execution_,
            .time = memory_.time_of(current_),
            .maker = static_cast<std::uint8_t>(current_)};
}

std::uint32_t Engine::location_of(Registration& made, const void* address, std::uint64_t initial) {
    if (is_location(made)) return made.location;
    const OutsideProgram outside;
    if (memory_.full()) fail_here("broken model", "more atomics than the checker has room for");
    if (made.execution != execution_) made = {.execution = execution_};
    made.location = memory_.add_location(initial, made.maker, made.time);
    users_[made.location] = {.address = address, .contended = contended_.contains(address)};
    return made.location;
}

bool Engine::is_location(const Registration& made) const {
    return made.execution == execution_ && made.location < memory_.locations_count();
}

void Engine::use_plain(PlainUses& uses, const void* address, bool write) {
    const bool freed = arena::is_freed(address);
    const Memory::Race race = freed ? Memory::Race{} : memory_.use_plain(current_, uses, write);
    if (!freed && !race.found) return;
    const OutsideProgram outside;
    const std::string near = steps_.empty() ? "" : ", after " + place(steps_.back().operation.where);
    if (freed) fail_here("use after free", "of plain data" + near);
    fail_here("data race", std::string(write ? "writes" : "reads") + " plain data that thread " +
                               std::to_string(race.other) +
                               (race.other_wrote ? " has written" : " has read") + ", unordered" + near);
}

}  // namespace model
