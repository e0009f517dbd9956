// A viewer reduced to its socket: says anything, right or wrong, and hands back what it hears.
//
// Written without a line of the inspector on purpose, so that both ends of the handshake are tested against the format
// and not against each other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "instrumentation/base/file_descriptor.h"
#include "instrumentation/wire/handshake.h"
#include "instrumentation/wire/ring.h"

namespace coroscope::emit {

struct Answer {
    bool closed = true;  // the other side hung up (or nothing came for ten seconds)
    wire::MessageType type{};
    std::vector<std::byte> body;
    std::vector<base::FileDescriptor> fds;

    // The body as a struct, zeros when it is of another size.
    template <typename Body>
    Body as() const {
        Body value{};
        if (body.size() == sizeof value) std::memcpy(&value, body.data(), sizeof value);
        return value;
    }
};

class RawViewer {
public:
    // Connects to an abstract name (without its leading zero); connected() says whether it worked.
    explicit RawViewer(const std::string& name);
    bool connected() const { return socket_.valid(); }

    bool send_bytes(const void* bytes, std::size_t count, int fd = -1);
    bool send(wire::MessageType type, const void* body, std::size_t bytes, int fd = -1);
    template <typename Body>
    bool send(wire::MessageType type, const Body& body) {
        return send(type, &body, sizeof body);
    }
    Answer receive();
    void close() { socket_.reset(); }

    // The usual openings. Each sends and returns the answer.
    Answer hello(wire::Role role = wire::Role::kWatcher, std::uint16_t major = wire_major());
    wire::Reply attach(int reader_page_fd);
    wire::Reply listen(std::uint32_t mask, wire::RingMode mode, std::uint32_t period = 0, std::uint32_t flags = 0);
    static std::uint16_t wire_major();

private:
    base::FileDescriptor socket_;
};

}  // namespace coroscope::emit
