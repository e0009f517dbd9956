// Control: taking hold of a running program, and what came of it in words.
//
// A pause is asked for, and takes effect at each worker's next scheduling point; who has not come to one is named. A worker that never does can be
// stopped hard, by ptrace (HardStop). Whatever is held goes on when the Control that asked ends, but for what is kept.
//
// Thread: one at a time. Blocks: each call for at most its patience; nothing here is called on the frame (views ask through Session).
// Tested in tests/e2e/ctl_test.py.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "instrumentation/base/result.h"
#include "instrumentation/inspect/running_stacks.h"
#include "instrumentation/inspect/target.h"
#include "instrumentation/inspect/thread_stop.h"
#include "instrumentation/inspect/unwinder.h"
#include "traces/name_service.h"

namespace coroscope::traces {

// A worker that has not come to a scheduling point of a paused program.
struct Straggler {
    std::uint32_t worker = 0;
    std::uint32_t thread = 0;  // as the program calls it
    std::uint64_t coroutine = 0;  // identity
    std::string name, site;
};

// A coroutine that was chosen: what it does.
struct Chosen {
    std::uint64_t coroutine = 0;
    std::string name;
    std::string does;  // "paused", "waits on channel:orders", "running", "ended"
};

struct HoldReport {
    std::uint32_t pid = 0;
    inspect::PauseImage pause;
    std::uint32_t workers = 0, held = 0;
    std::uint64_t coroutines = 0, ready = 0;
    std::vector<Straggler> stragglers;  // only of a program that is paused whole
    std::vector<Chosen> chosen;         // those that were asked for
};
// "paused: 2 workers held, 1,204 coroutines stand, 300 of them ready", a line for each straggler and chosen one.
std::string to_text(const HoldReport& report);
nlohmann::json to_json(const HoldReport& report);

struct StepReport {
    std::uint64_t coroutine = 0;  // whom it ran; 0 = nobody was ready
    std::string name;
    std::string does;  // what it does now, as Chosen::does; "ended"
    bool under_way = false;  // it has not come to a scheduling point in time
    std::vector<inspect::Frame> frames;  // where it stands
};
std::string to_text(const StepReport& report);
nlohmann::json to_json(const StepReport& report);

class Control {
public:
    // Errors: those of inspect::Target::attach.
    static base::Result<std::unique_ptr<Control>> open(std::uint32_t pid);

    // Holds everything (no identities), or these coroutines, and waits up to patience_ms until it has taken effect. `keep`: until somebody
    // resumes, however long. Errors: kRefused, kUsage, kGone.
    base::Result<HoldReport> pause(const std::vector<std::uint64_t>& identities, bool keep, int patience_ms);
    base::Result<HoldReport> resume(const std::vector<std::uint64_t>& identities);
    // One coroutine to its next scheduling point; identity 0: whomever the scheduler picks. Errors: kRefused where there is nothing to
    // step, kGone.
    base::Result<StepReport> step(std::uint64_t identity, int patience_ms);
    // What is held now.
    base::Result<HoldReport> report(const std::vector<std::uint64_t>& identities);
    // The same of everything, once all workers have come to a scheduling point, or the time is over.
    base::Result<HoldReport> await_hold(int patience_ms);
    // Where a coroutine stands, in the words of a step that ran it.
    StepReport where(std::uint64_t identity);

    // For rules (traces/rules/break_watch.h): the program as it is, and inspect::Target's functions of these names.
    base::Result<inspect::StateImage> state() { return target_->read_state(); }
    base::Result<std::uint32_t> arm_rule(const wire::RuleProgram& program) { return target_->arm_rule(program); }
    bool take_rule_hits(int timeout_ms, inspect::Target::RuleHits& to) { return target_->take_rule_hits(timeout_ms, to); }
    base::Result<std::uint32_t> withhold(std::uint32_t withheld, std::uint32_t changed) {
        return target_->withhold(withheld, changed);
    }
    std::uint32_t pid() const { return target_->pid(); }

    // The stacks of coroutines that run now (running_stacks.h), with their names.
    struct Running {
        inspect::RunningStack stack;
        std::string name, site;
        std::vector<inspect::Frame> frames;
    };
    base::Result<std::vector<Running>> running();

    // Stops the thread of the worker that runs this coroutine. Errors: kRefused (it does not run; permissions), kGone.
    base::Result<inspect::ThreadStop> stop(std::uint64_t identity);

    // Whether the program lives, and anything of it is held. Errors: kCorrupt.
    base::Result<inspect::PauseImage> pause_now();
    bool alive() const { return target_->alive(); }

private:
    explicit Control(std::unique_ptr<inspect::Target> target) : target_(std::move(target)) {}
    base::Result<std::vector<wire::CoroutineName>> names_of(const std::vector<std::uint64_t>& identities);
    base::Status prepare_names(const inspect::StateImage& state);
    void name_exactly(const std::vector<std::uint64_t>& pcs);

    std::unique_ptr<inspect::Target> target_;
    std::unique_ptr<inspect::Unwinder> unwinder_;
    std::unique_ptr<NameService> names_;
};

}  // namespace coroscope::traces
