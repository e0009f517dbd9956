#include "raw_viewer.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "instrumentation/wire/segment.h"

namespace coroscope::emit {

RawViewer::RawViewer(const std::string& name) : socket_(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path + 1, name.c_str(), name.size());
    const auto bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    const timeval patience{10, 0};
    setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), bytes) != 0) socket_.reset();
}

bool RawViewer::send_bytes(const void* bytes, std::size_t count, int fd) {
    iovec piece{const_cast<void*>(bytes), count};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
    msghdr envelope{};
    envelope.msg_iov = &piece;
    envelope.msg_iovlen = 1;
    if (fd >= 0) {
        envelope.msg_control = control;
        envelope.msg_controllen = sizeof control;
        cmsghdr* part = CMSG_FIRSTHDR(&envelope);
        part->cmsg_level = SOL_SOCKET;
        part->cmsg_type = SCM_RIGHTS;
        part->cmsg_len = CMSG_LEN(sizeof fd);
        std::memcpy(CMSG_DATA(part), &fd, sizeof fd);
    }
    return sendmsg(socket_.get(), &envelope, MSG_NOSIGNAL) == static_cast<ssize_t>(count);
}

bool RawViewer::send(wire::MessageType type, const void* body, std::size_t bytes, int fd) {
    const wire::MessageHeader header{wire::kMessageMagic, type, static_cast<std::uint32_t>(bytes), 0};
    std::vector<std::byte> message(sizeof header + bytes);
    std::memcpy(message.data(), &header, sizeof header);
    if (bytes != 0) std::memcpy(message.data() + sizeof header, body, bytes);
    return send_bytes(message.data(), message.size(), fd);
}

Answer RawViewer::receive() {
    Answer answer;
    std::vector<std::byte> buffer(wire::kMessageBytesMax);
    alignas(cmsghdr) char control[CMSG_SPACE(8 * sizeof(int))];
    iovec piece{buffer.data(), buffer.size()};
    msghdr envelope{};
    envelope.msg_iov = &piece;
    envelope.msg_iovlen = 1;
    envelope.msg_control = control;
    envelope.msg_controllen = sizeof control;
    const ssize_t bytes = recvmsg(socket_.get(), &envelope, MSG_CMSG_CLOEXEC);
    wire::MessageHeader header{};
    if (bytes < static_cast<ssize_t>(sizeof header)) return answer;
    for (cmsghdr* part = CMSG_FIRSTHDR(&envelope); part != nullptr; part = CMSG_NXTHDR(&envelope, part)) {
        const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
            answer.fds.emplace_back(fd);
        }
    }
    std::memcpy(&header, buffer.data(), sizeof header);
    answer.closed = false;
    answer.type = header.type;
    answer.body.assign(buffer.begin() + sizeof header, buffer.begin() + bytes);
    return answer;
}

std::uint16_t RawViewer::wire_major() {
    return wire::kWireMajor;
}

Answer RawViewer::hello(wire::Role role, std::uint16_t major) {
    send(wire::MessageType::kHello,
         wire::Hello{major, wire::kWireMinor, role, static_cast<std::uint32_t>(getpid()), 0});
    return receive();
}

wire::Reply RawViewer::attach(int reader_page_fd) {
    send(wire::MessageType::kAttach, nullptr, 0, reader_page_fd);
    return receive().as<wire::Reply>();
}

wire::Reply RawViewer::listen(std::uint32_t mask, wire::RingMode mode, std::uint32_t period, std::uint32_t flags) {
    send(wire::MessageType::kListen, wire::Listen{mask, static_cast<std::uint32_t>(mode), period, flags});
    return receive().as<wire::Reply>();
}

}  // namespace coroscope::emit
