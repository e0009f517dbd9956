// The agent's inside, shared by agent.cpp (thread, sockets, coming and going) and agent_requests.cpp, agent_holds.cpp
// and agent_rules.cpp (what viewers ask).
#pragma once

#include <pthread.h>

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "instrumentation/base/file_descriptor.h"
#include "instrumentation/emit/agent.h"
#include "instrumentation/emit/armed_rule.h"
#include "instrumentation/emit/connection.h"
#include "instrumentation/emit/fork_guard.h"

namespace coroscope::emit {

class Agent::Implementation {
public:
    explicit Implementation(const AgentOptions& options)
        : options_(options), paused_by_nobody_(options.paused_at_start) {}
    ~Implementation() {
        for (const base::FileDescriptor* fd : {&listener_, &doorbell_, &spare_}) {
            if (fd->valid()) unguard_descriptor(fd->get());
        }
    }

    base::Status open();
    void announce_end();
    void nobody_came();
    void shutdown();
    const std::string& name() const { return name_; }

private:
    static void* thread_main(void* self) {
        static_cast<Implementation*>(self)->serve();
        return nullptr;
    }
    base::Status bind_socket();
    base::Status start_thread();
    void ring_doorbell();

    // The agent's thread from here on.
    void serve();
    void accept_viewer();
    void end(std::size_t index);
    bool handle(Connection& viewer, Message& message);
    bool handle_hello(Connection& viewer, const Message& message);
    bool handle_attach(Connection& viewer, const Message& message);
    bool handle_listen(Connection& viewer, const Message& message);
    bool handle_copy_area(Connection& viewer, Message& message);
    bool handle_copy_stacks(Connection& viewer, const Message& message);
    bool handle_pause(Connection& viewer, const Message& message);
    bool handle_resume(Connection& viewer, const Message& message);
    bool handle_step(Connection& viewer, const Message& message);
    bool handle_rules(Connection& viewer, const Message& message);
    bool handle_mask(Connection& viewer, const Message& message);
    wire::ReplyStatus arm(Connection& viewer, wire::RuleProgram program);
    void disarm();
    void tell_hits();
    wire::ReplyStatus apply_holds();
    const Connection* recorder() const;
    void apply_wishes();
    void allow_tracer() const;
    void tell_ending();
    void settle_end();

    AgentOptions options_;
    std::string name_;
    base::FileDescriptor listener_;
    base::FileDescriptor doorbell_;  // an eventfd: look at what lock_ guards
    base::FileDescriptor spare_;     // given up to turn a viewer away when no other descriptor is left
    pthread_t thread_{};
    bool thread_runs_ = false;
    std::vector<std::unique_ptr<Connection>> viewers_;  // agent's thread only
    bool ending_told_ = false;                          // agent's thread only
    // Agent's thread only: what is held for viewers that have left, or have not come yet.
    bool paused_by_nobody_;
    bool keeps_everything_ = false;
    std::vector<wire::CoroutineName> keeps_;
    // Agent's thread only: the armed rule. Its number, and that of the first one that its progress was for.
    Connection* rule_owner_ = nullptr;
    std::uint32_t rule_number_ = 0, rule_first_number_ = 0;
    std::shared_ptr<RuleProgress> rule_progress_;
    RuleHits* hits_ = nullptr;  // the ring segment's; null before the first rule
    std::vector<wire::RuleHit> taken_hits_;
    std::uint64_t hits_lost_seen_ = 0;
    std::uint64_t hits_unsent_ = 0;  // their viewer did not read fast enough
    std::uint32_t withheld_ = 0;     // Category bits; agent's thread only

    std::mutex lock_;  // guards what follows
    std::condition_variable settled_changed_;
    bool stop_ = false;
    bool ending_ = false;
    bool nobody_came_ = false;
    bool settled_ = false;  // the recorder has taken what it wants, or there is none
};

}  // namespace coroscope::emit
