// Datagrams with descriptors.
#include "instrumentation/emit/connection.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>

#include "instrumentation/emit/fork_guard.h"

namespace coroscope::emit {
namespace {

constexpr std::size_t kDescriptorsPerMessage = 4;  // room for; more are cut off by the kernel and end the connection

}  // namespace

Connection::Connection(base::FileDescriptor socket, std::uint32_t pid, bool stranger)
    : socket_(std::move(socket)), pid_(pid), stranger_(stranger), buffer_(wire::kMessageBytesMax) {
    guard_descriptor(socket_.get());
}

Connection::~Connection() {
    unguard_descriptor(socket_.get());
}

Received Connection::receive(Message& message) {
    message = Message{};
    alignas(cmsghdr) char control[CMSG_SPACE(kDescriptorsPerMessage * sizeof(int))];
    iovec piece{buffer_.data(), buffer_.size()};
    msghdr envelope{};
    envelope.msg_iov = &piece;
    envelope.msg_iovlen = 1;
    envelope.msg_control = control;
    envelope.msg_controllen = sizeof control;
    const ssize_t bytes = recvmsg(socket_.get(), &envelope, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (bytes < 0) return errno == EAGAIN || errno == EINTR ? Received::kNothing : Received::kEnd;

    // Take every descriptor first, so that none leaks whatever the rest says.
    for (cmsghdr* part = CMSG_FIRSTHDR(&envelope); part != nullptr; part = CMSG_NXTHDR(&envelope, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof fd);
            base::FileDescriptor owned(fd);
            if (!message.fd) message.fd = std::move(owned);
        }
    }
    if (bytes == 0 || (envelope.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) return Received::kEnd;
    wire::MessageHeader header{};
    if (static_cast<std::size_t>(bytes) < sizeof header) return Received::kEnd;
    std::memcpy(&header, buffer_.data(), sizeof header);
    const std::size_t body_bytes = static_cast<std::size_t>(bytes) - sizeof header;
    if (header.magic != wire::kMessageMagic || header.body_bytes != body_bytes) return Received::kEnd;
    message.type = header.type;
    message.body = std::span(buffer_).subspan(sizeof header, body_bytes);
    return Received::kMessage;
}

bool Connection::send(wire::MessageType type, const void* body, std::size_t bytes, std::span<const int> fds) {
    wire::MessageHeader header{wire::kMessageMagic, type, static_cast<std::uint32_t>(bytes), 0};
    iovec pieces[2] = {{&header, sizeof header}, {const_cast<void*>(body), bytes}};
    alignas(cmsghdr) char control[CMSG_SPACE(kDescriptorsPerMessage * sizeof(int))] = {};
    msghdr envelope{};
    envelope.msg_iov = pieces;
    envelope.msg_iovlen = bytes != 0 ? 2 : 1;
    if (!fds.empty()) {
        envelope.msg_control = control;
        envelope.msg_controllen = CMSG_SPACE(fds.size_bytes());
        cmsghdr* part = CMSG_FIRSTHDR(&envelope);
        part->cmsg_level = SOL_SOCKET;
        part->cmsg_type = SCM_RIGHTS;
        part->cmsg_len = CMSG_LEN(fds.size_bytes());
        std::memcpy(CMSG_DATA(part), fds.data(), fds.size_bytes());
    }
    ssize_t sent = 0;
    do {
        sent = sendmsg(socket_.get(), &envelope, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent >= 0;
}

bool Connection::reply(wire::ReplyStatus status, std::uint32_t detail) {
    const wire::Reply reply{status, detail};
    return send(wire::MessageType::kReply, &reply, sizeof reply);
}

}  // namespace coroscope::emit
