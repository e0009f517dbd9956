// NameService: names for addresses and disassembly, found on a thread of its own.
//
// Debug information is slow the first time (a second for a large program), so nobody waits for it: frames() answers what is known and asks
// for the rest; on_change is called when something was found, ten times a second while more is on its way. What a trace
// brought along is preloaded and needs no binary.
//
// Thread: every function from any thread; pointers stay valid as long as the service. Blocks: only wait_…().
// Tested in tests/unit/traces/name_service_test.cpp.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "instrumentation/inspect/code.h"
#include "instrumentation/inspect/stack.h"
#include "instrumentation/inspect/symbols.h"
#include "traces/tables.h"

namespace coroscope::traces {

// How far the present round of questions is. A round begins with the first question after everything was answered.
struct NameProgress {
    std::uint64_t asked = 0, answered = 0;
    std::string reading;  // file name of the module whose debug information is being read; "" = nothing is

    bool busy() const { return answered < asked; }
    int percent() const { return asked == 0 ? 100 : static_cast<int>(answered * 100 / asked); }
};

class NameService {
public:
    // `debug_paths`: folders in which separate debug files are looked for, too.
    explicit NameService(std::vector<inspect::Module> modules, std::vector<std::string> debug_paths = {});
    ~NameService();  // what is being looked up is finished, the rest forgotten

    // Another set of modules (a library was loaded). Names found so far stay.
    void set_modules(std::vector<inspect::Module> modules);
    // Names that are known already.
    void preload(const Symbols& symbols);
    void on_change(std::function<void()> notify);

    // All levels of a stack; nullptr until every one is known (asks for them).
    const std::vector<inspect::Frame>* frames(const std::vector<std::uint64_t>& pcs);
    std::vector<inspect::Frame> wait_frames(const std::vector<std::uint64_t>& pcs);
    // The same with what is known by now: levels that are not stand there with their module alone (asks for them).
    std::vector<inspect::Frame> known_frames(const std::vector<std::uint64_t>& pcs);
    // What lies at an address; nullptr until it was looked up (asks for it).
    const inspect::Symbolizer::Place* place(std::uint64_t address);
    NameProgress progress() const;
    // Disassembly around a pc; nullptr until ready. An error comes as an empty list with `*message` set.
    const std::vector<inspect::Instruction>* code(std::uint64_t pc, std::string* message);

    // Asks for names without wanting them now.
    void request(const std::vector<std::uint64_t>& pcs);
    void wait_idle();
    // What was found since the last call, for a trace; and all that is known by now.
    Symbols take_new();
    Symbols known() const;

private:
    struct Code {
        bool ready = false;
        std::vector<inspect::Instruction> instructions;
        std::string message;
    };
    void loop();
    // A question of one of the queues below.
    struct Job {
        enum Kind { kFrames, kPlace, kCode } kind = kFrames;
        std::uint64_t address = 0;
    };
    void answer(inspect::Symbolizer& symbolizer, const Job& job);
    bool idle() const { return pcs_to_find_.empty() && places_to_find_.empty() && codes_to_find_.empty(); }
    Job next_job();
    void tell(std::unique_lock<std::mutex>& lock);
    std::string module_name(std::uint64_t address) const;
    void set_offset(inspect::Frame& frame) const;
    void want(std::uint64_t pc);  // under lock_, as all of these
    bool known(const std::vector<std::uint64_t>& pcs) const;
    std::vector<inspect::Frame> join(const std::vector<std::uint64_t>& pcs) const;

    mutable std::mutex lock_;  // guards everything below
    std::condition_variable work_, found_;
    Symbols symbols_;
    Symbols new_symbols_;
    std::unordered_set<std::uint64_t> wanted_;  // in pcs_to_find_ or being looked up
    std::deque<std::uint64_t> pcs_to_find_;
    std::deque<std::uint64_t> places_to_find_;
    std::deque<std::uint64_t> codes_to_find_;
    NameProgress progress_;
    std::chrono::steady_clock::time_point told_at_{};
    std::map<std::vector<std::uint64_t>, std::unique_ptr<std::vector<inspect::Frame>>> stacks_;
    std::unordered_map<std::uint64_t, std::unique_ptr<Code>> codes_;
    std::unordered_map<std::uint64_t, std::unique_ptr<inspect::Symbolizer::Place>> places_;  // nullptr: on its way
    const std::vector<std::string> debug_paths_;
    std::vector<inspect::Module> modules_;
    bool modules_changed_ = true;
    bool busy_ = false;
    bool stop_ = false;
    std::function<void()> notify_;
    std::thread thread_;  // last: starts when the rest exists
};

}  // namespace coroscope::traces
