// One runner process, held by the driver: started, asked, and ended again. The talk is described in runner/runner.h.
//
// Thread: one at a time. Blocks: start() until the runner said hello, run() until it answered. A runner that dies
// or talks nonsense is an error, never a figure. Tested by the smoke test of the bench.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "instrumentation/base/result.h"

namespace coroscope::bench {

struct Answer {
    double elapsed_ns = 0;
    double operations = 0;
    std::map<std::string, double> extra;

    double ns_per_operation() const { return elapsed_ns / operations; }
};

using Environment = std::vector<std::pair<std::string, std::string>>;

class RunnerProcess {
public:
    // Starts `program` (a path) with the additions to the environment and waits for its hello.
    static base::Result<RunnerProcess> start(const std::string& program, const Environment& environment);
    RunnerProcess(RunnerProcess&& other) noexcept;
    RunnerProcess& operator=(RunnerProcess&&) = delete;
    ~RunnerProcess();  // closes its input and waits for it

    base::Result<Answer> run(const std::string& workload, std::uint64_t count);

    // run() in two halves, for whoever has something to do meanwhile.
    base::Status ask(const std::string& workload, std::uint64_t count);
    base::Result<Answer> answer();

    pid_t pid() const { return pid_; }
    const std::string& version() const { return version_; }  // what it said in its hello

private:
    RunnerProcess(std::string program, pid_t pid, int to_runner, int from_runner)
        : program_(std::move(program)), pid_(pid), to_runner_(to_runner), from_runner_(from_runner) {}
    base::Result<std::string> read_line();

    std::string program_;
    std::string version_;
    std::string unread_;
    pid_t pid_ = -1;
    int to_runner_ = -1;
    int from_runner_ = -1;
};

// The folder in which this program lies; the runners lie beside it.
std::string program_folder();

}  // namespace coroscope::bench
