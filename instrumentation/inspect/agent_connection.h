// Our end of the handshake (wire/handshake.h): a checked socket to a target's agent, and messages over it.
//
// The target is no more trusted than it trusts us: who listens is asked of the kernel (SO_PEERCRED), messages
// are checked for magic and length, and every wait has an end. A notice may arrive between a request and its
// answer; it is kept.
//
// Thread: one at a time. Blocks: at most the timeout given. Tested in
// tests/unit/inspect/agent_connection_test.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "instrumentation/base/file_descriptor.h"
#include "instrumentation/base/result.h"
#include "instrumentation/wire/handshake.h"
#include "instrumentation/wire/rule_program.h"

namespace coroscope::inspect {

class AgentConnection {
public:
    struct Message {
        wire::MessageType type{};
        std::vector<std::uint8_t> body;
        std::vector<base::FileDescriptor> descriptors;

        // The struct that opens the body; nullptr when the body is shorter.
        template <typename T>
        const T* as() const {
            return body.size() >= sizeof(T) ? reinterpret_cast<const T*>(body.data()) : nullptr;
        }
    };

    AgentConnection() = default;

    // Connects to the agent of `pid` (which calls itself `own_pid`). kGone: nobody listens under any of its
    // names; kRefused: somebody does, but it is not that process.
    static base::Result<AgentConnection> connect(std::uint32_t pid, std::uint32_t own_pid);

    base::Status send(wire::MessageType type, const void* body, std::size_t bytes, int descriptor = -1);
    // The next message. kGone when the other side closed or the time is over, kCorrupt when it makes no
    // sense.
    base::Result<Message> receive(int timeout_ms);
    // Sends and waits for the answer of type `expected`; a notice in between is noted.
    base::Result<Message> request(wire::MessageType type, const void* body, std::size_t bytes, int descriptor,
                                  wire::MessageType expected, int timeout_ms);

    // Takes what has arrived without waiting. True from the moment the end of the target was announced.
    bool end_announced();

    // Hits of the rule that we have armed. Waits for at most timeout_ms while there are none. False: the other side has closed.
    struct Hits {
        std::vector<wire::RuleHit> hits;
        std::uint64_t lost = 0;  // so far: there was no room for them, in the target or here
    };
    bool take_hits(int timeout_ms, Hits& to);

private:
    base::Error gone(const std::string& how) const;
    void note(const Message& message);

    base::FileDescriptor socket_;
    std::uint32_t pid_ = 0;
    bool end_announced_ = false;
    std::vector<wire::RuleHit> hits_;  // at most kHitsMax
    std::uint64_t hits_lost_ = 0, hits_unkept_ = 0;
};

}  // namespace coroscope::inspect
