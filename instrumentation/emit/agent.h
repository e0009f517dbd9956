// The agent: a thread in the target that answers viewers (wire/handshake.h).
//
// Started by the runtime once state and ring segment stand, stopped before they go. It listens on an abstract
// SEQPACKET socket, checks who asks (own uid or root), hands out read-only descriptors, maps the recorder's
// reader page, turns listening on and off, and copies parked stacks for viewers that may not read the
// target's memory. It never touches a scheduler, holds no lock that a worker takes, and all signals are
// blocked in it.
//
//   A1  Whatever a viewer sends, the worst that happens is that its connection ends.
//   A2  A connection that ends, in whatever way, takes back all it asked for: mask, tails, PR_SET_PTRACER, its rule, what it
//       paused (unless it said kPauseKeep). Categories that it withheld stay withheld: that is said of the program, not for a viewer.
//   A3  One recorder at a time, and one armed rule; watchers besides.
//   A4  In a forked child there is no agent: its descriptors are closed, probes are dormant.
//
// Thread: start and shutdown by the runtime's own; announce_end by any one thread. Tested in
// tests/unit/emit/agent_*_test.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "instrumentation/base/result.h"
#include "instrumentation/emit/ring_writer.h"
#include "instrumentation/emit/state_segment.h"
#include "instrumentation/wire/handshake.h"

namespace coroscope::emit {

struct AgentOptions {
    StateSegment* state = nullptr;  // both must outlive the agent
    RingSegment* rings = nullptr;
    // Called on the agent's thread after every change of what is listened to, with the new mask of those who are ready for the program to
    // go on (wire::kListenLooksFirst) and the sample period (one switch in this many); null = not called. Must not block.
    void (*changed)(void* context, std::uint32_t mask, std::uint32_t sample_period) = nullptr;
    void* context = nullptr;
    // Whoever keeps coroutines from running when viewers ask for it; null functions: nobody, and such requests are refused.
    // Called on the agent's thread; must not block.
    struct Control {
        // What all viewers together hold from now on.
        wire::ReplyStatus (*hold)(void* context, bool everything, std::span<const wire::CoroutineName> chosen) =
            nullptr;
        // Begins a step; *detail is what Reply::detail says.
        wire::ReplyStatus (*step)(void* context, const wire::CoroutineName& coroutine,
                                  std::uint32_t* detail) = nullptr;
        void* context = nullptr;
        // Called by threads that emit, from inside a probe, when a rule pauses: holds everything until hold() says what is held. It may
        // take no lock and wait for nobody.
        void (*hold_now)(void* context) = nullptr;
    };
    Control control{};
    bool paused_at_start = false;  // everything is held already; the first viewer that comes has asked for it
    std::uint32_t end_grace_ms = 0;  // 0 = wire::kEndGraceMs
};

class Agent {
public:
    // Binds the socket, writes its name into the header and starts the thread. Fails with a sentence when every
    // name is taken or there is no thread to be had; the target can go on without (nobody can attach then).
    static base::Result<std::unique_ptr<Agent>> start(const AgentOptions& options);
    ~Agent();  // shutdown()
    Agent(const Agent&) = delete;
    Agent& operator=(const Agent&) = delete;

    // Announces the orderly end, before anything is freed: lifecycle becomes kEnding, peak_rss_kib is set,
    // viewers get a notice, and the call blocks until the recorder said Done or left, at most the grace.
    // Returns at once without one.
    void announce_end();

    // With paused_at_start: no viewer is waited for any longer. Lets everything go, if none has come.
    void nobody_came();

    // Ends all connections (as if the viewers had left), stops listening, joins the thread. Idempotent.
    void shutdown();

    const std::string& socket_name() const;  // without the leading zero

    class Implementation;

private:
    explicit Agent(std::unique_ptr<Implementation> implementation);
    std::unique_ptr<Implementation> implementation_;
};

// Sets lifecycle to kEnding and peak_rss_kib in the header: what announce_end does to the segment, for
// targets without agent.
void mark_ending(StateSegment& state);

}  // namespace coroscope::emit
