// NameService: names for addresses and disassembly, found on a thread of its own.
//
// Debug information is slow the first time (a second for a large program), so nobody waits for it: frames() answers what is known and asks
// for the rest; on_change is called when something was found. What a trace brought along is preloaded and needs no binary.
//
// Thread: every function from any thread; pointers stay valid as long as the service. Blocks: only wait_…().
// Tested in tests/unit/traces/name_service_test.cpp.
#pragma once

#include <atomic>
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
#include "traces/tables.h"

namespace coroscope::traces {

class NameService {
public:
    explicit NameService(std::vector<inspect::Module> modules);
    ~NameService();  // what is being looked up is finished, the rest forgotten

    // Another set of modules (a library was loaded). Names found so far stay.
    void set_modules(std::vector<inspect::Module> modules);
    // Names that are known already.
    void preload(const Symbols& symbols);
    void on_change(std::function<void()> notify);

    // All levels of a stack; nullptr until every one is known (asks for them).
    const std::vector<inspect::Frame>* frames(const std::vector<std::uint64_t>& pcs);
    std::vector<inspect::Frame> wait_frames(const std::vector<std::uint64_t>& pcs);
    // Disassembly around a pc; nullptr until ready. An error comes as an empty list with `*message` set.
    const std::vector<inspect::Instruction>* code(std::uint64_t pc, std::string* message);

    // Asks for names without wanting them now.
    void request(const std::vector<std::uint64_t>& pcs);
    void wait_idle();
    // What was found since the last call, for a trace.
    Symbols take_new();

private:
    struct Code {
        bool ready = false;
        std::vector<inspect::Instruction> instructions;
        std::string message;
    };
    void loop();
    void want(std::uint64_t pc);  // under lock_
    bool known(const std::vector<std::uint64_t>& pcs) const;
    std::vector<inspect::Frame> join(const std::vector<std::uint64_t>& pcs) const;

    mutable std::mutex lock_;  // guards everything below
    std::condition_variable work_, found_;
    Symbols symbols_;
    Symbols new_symbols_;
    std::unordered_set<std::uint64_t> wanted_;  // in pcs_to_find_ or being looked up
    std::deque<std::uint64_t> pcs_to_find_;
    std::deque<std::uint64_t> codes_to_find_;
    std::map<std::vector<std::uint64_t>, std::unique_ptr<std::vector<inspect::Frame>>> stacks_;
    std::unordered_map<std::uint64_t, std::unique_ptr<Code>> codes_;
    std::vector<inspect::Module> modules_;
    bool modules_changed_ = true;
    bool busy_ = false;
    bool stop_ = false;
    std::function<void()> notify_;
    std::thread thread_;  // last: starts when the rest exists
};

}  // namespace coroscope::traces
