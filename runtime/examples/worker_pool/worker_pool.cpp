// A pool of workers that share one queue of jobs, and are sent home one by one with poison pills.
//
//   worker_pool
//
// Shows: several receivers of one channel (each job goes to one of them, whoever is free), results that come back on another channel, and two
// ways to end. The results end by themselves: when the last worker returns, the last sender of "results" is gone and the channel closes. The
// workers could end in the same way, by dropping the sender of "jobs"; a *pill* is for pools whose senders live on. It is a job like
// any other that means "go home": it is served in its turn, behind all the jobs sent before it, and one pill sends home exactly one worker.
#include <cprime/cprime.h>

#include <array>
#include <cstdio>
#include <utility>

namespace {

constexpr int kWorkers = 4, kJobs = 1000;

struct Job {
    int number;
    bool is_pill;
};
struct Done {
    int worker, job, answer;
    bool went_home;
};

void work(int worker, const cprime::Receiver<Job>& jobs, const cprime::Sender<Done>& results) {
    while (auto job = jobs.receive()) {
        if (job->is_pill) {
            results.send({worker, job->number, 0, true});
            return;
        }
        results.send({worker, job->number, job->number * job->number, false});
    }
}

bool run_pool() {
    auto jobs = cprime::make_channel<Job>("jobs", 16);
    auto results = cprime::make_channel<Done>("results", 16);
    for (int worker = 0; worker < kWorkers; ++worker) {
        cprime::spawn_detached("worker", [worker, in = jobs.receiver, out = results.sender]() mutable {
            work(worker, in, out);
            in.reset();  // first: whoever sees "results" closed knows that nobody takes jobs any more
        });
    }
    // The workers have copies of their own: without ours, "results" ends with the last of them.
    jobs.receiver.reset();
    results.sender.reset();

    // A coroutine of its own, since whoever fills one buffer must not be the one who empties the other.
    auto foreman = cprime::spawn("foreman", [out = jobs.sender] {
        for (int number = 0; number < kJobs; ++number)
            out.send({number, false});
        for (int pill = 0; pill < kWorkers; ++pill)
            out.send({pill, true});
    });

    std::array<int, kJobs> done{};
    std::array<int, kWorkers> sent_home{};
    while (auto result = results.receiver.receive()) {
        if (result->went_home) {
            ++sent_home.at(static_cast<std::size_t>(result->worker));
        } else if (result->answer == result->job * result->job) {
            ++done.at(static_cast<std::size_t>(result->job));
        }
    }
    foreman.join();
    for (int job = 0; job < kJobs; ++job) {
        if (done.at(static_cast<std::size_t>(job)) == 1) continue;
        std::printf("worker_pool: job %d was done %d times\n", job, done.at(static_cast<std::size_t>(job)));
        return false;
    }
    for (const int times : sent_home) {
        if (times == 1) continue;
        std::printf("worker_pool: a worker was sent home %d times\n", times);
        return false;
    }
    // Nobody receives any more: the channel has closed, and whoever sent now would be told.
    if (jobs.sender.send({0, false}).status() != cprime::Status::closed) {
        std::printf("worker_pool: a job found a taker after everybody had gone home\n");
        return false;
    }
    std::printf("%d workers did %d jobs, each once, and went home\n", kWorkers, kJobs);
    return true;
}

}  // namespace

int main() {
    return cprime::run([] { return run_pool(); }) ? 0 : 1;
}
