// One viewer, as the agent sees it: its socket, who it is, what it asked for; and how messages travel.
//
// Nothing that arrives is trusted: length, magic and type are compared before a body is looked at, descriptors that a
// message does not call for are closed.
//
// Thread: the agent's. Blocks: never (a viewer that does not read its answers is let go).
// Tested in tests/unit/emit/agent_test.cpp; fuzzed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "instrumentation/base/file_descriptor.h"
#include "instrumentation/wire/handshake.h"
#include "instrumentation/wire/ring.h"

namespace coroscope::emit {

// A message that arrived whole.
struct Message {
    wire::MessageType type{};
    std::span<const std::byte> body;  // valid until the next receive
    base::FileDescriptor fd;          // the one it carried, if any
};

enum class Received { kMessage, kNothing, kEnd };  // kEnd: closed, or not a message of this protocol

class Connection {
public:
    Connection(base::FileDescriptor socket, std::uint32_t pid, bool stranger);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    int socket() const { return socket_.get(); }
    std::uint32_t pid() const { return pid_; }   // as the target sees it; 0 = in a namespace it cannot see
    bool stranger() const { return stranger_; }  // another uid: gets a refusal and nothing else

    Received receive(Message& message);
    // False: the connection is to be ended.
    bool send(wire::MessageType type, const void* body, std::size_t bytes, std::span<const int> fds = {});
    bool reply(wire::ReplyStatus status, std::uint32_t detail = 0);

    // What it has asked for; kept and used by the agent.
    bool greeted = false;
    bool recorder = false;  // its reader page is the one in use
    bool done = false;      // it needs the target no longer
    std::uint32_t mask = 0;
    wire::RingMode mode = wire::RingMode::kOff;
    std::uint32_t sample_period = 0;
    bool looks_first = false;  // it listens already, but the program is not to begin yet
    base::FileDescriptor copy_area;
    std::uint64_t copy_area_bytes = 0;
    bool pauses_everything = false;
    std::vector<wire::CoroutineName> pauses;

private:
    base::FileDescriptor socket_;
    std::uint32_t pid_;
    bool stranger_;
    std::vector<std::byte> buffer_;
};

}  // namespace coroscope::emit
