// What a viewer says, right or wrong: the agent goes on answering, and nothing of it stays in force.
//
// Input: messages, each a byte of flags (1: a memory file comes along, 2: a wrong magic, 4: a wrong length), a byte of
// type, a byte of body length, and the body. The viewer greets first, as what comes before a greeting is soon exhausted;
// then it says all that and leaves.
#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "instrumentation/emit/agent.h"
#include "tests/unit/emit/raw_viewer.h"

namespace {

using namespace coroscope;

struct Target {
    std::unique_ptr<emit::StateSegment> state = emit::StateSegment::create(emit::StateOptions{}).value();
    std::unique_ptr<emit::RingSegment> rings = emit::RingSegment::create(1, true).value();
    std::unique_ptr<emit::Agent> agent = emit::Agent::start({.state = state.get(), .rings = rings.get()})
                                             .value();
};

// Whether a well-behaved viewer is served. Its listening to nothing comes after whatever the last one left in force.
bool serves(const Target& target) {
    for (int attempt = 0; attempt < 100; ++attempt) {  // the last one's place may not be free yet
        emit::RawViewer viewer(target.agent->socket_name());
        if (viewer.connected() && viewer.hello().as<wire::Welcome>().segment_nonce != 0) return true;
    }
    return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
    static Target target;
    {
        emit::RawViewer viewer(target.agent->socket_name());
        viewer.hello(wire::Role::kRecorder);
        for (std::size_t at = 0; at + 3 <= bytes;) {
            const unsigned flags = data[at];
            const std::size_t length = std::min<std::size_t>(data[at + 2], bytes - at - 3);
            wire::MessageHeader header{wire::kMessageMagic, static_cast<wire::MessageType>(data[at + 1]),
                                       static_cast<std::uint32_t>(length), 0};
            if ((flags & 2U) != 0) header.magic ^= 1;
            if ((flags & 4U) != 0) header.body_bytes += 1;
            std::vector<std::byte> message(sizeof header + length);
            std::memcpy(message.data(), &header, sizeof header);
            std::memcpy(message.data() + sizeof header, data + at + 3, length);
            at += 3 + length;
            const base::FileDescriptor file(
                (flags & 1U) != 0 ? memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING) : -1);
            if (!viewer.send_bytes(message.data(), message.size(), file.get())) break;
        }
    }
    if (!serves(target)) std::abort();
    return 0;
}
