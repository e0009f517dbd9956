// Connecting to agents and exchanging datagrams with them.
#include "instrumentation/inspect/agent_connection.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>

namespace coroscope::inspect {
namespace {

constexpr std::size_t kDescriptorsMax = 4;  // a Welcome has two
constexpr std::size_t kHitsMax = 1 << 16;   // kept while somebody else's answer is waited for

// poll() for the rest of a time span, through interruptions.
bool wait_readable(int fd, int timeout_ms) {
    using Clock = std::chrono::steady_clock;
    const auto end = Clock::now() + std::chrono::milliseconds(timeout_ms);
    for (;;) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
        pollfd waiting{fd, POLLIN, 0};
        const int ready = poll(&waiting, 1, left > 0 ? static_cast<int>(left) : 0);
        if (ready > 0) return true;
        if (ready == 0 || errno != EINTR) return false;
    }
}

std::vector<base::FileDescriptor> take_descriptors(msghdr& header) {
    std::vector<base::FileDescriptor> taken;
    for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr;
         control = CMSG_NXTHDR(&header, control)) {
        if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(control) + i * sizeof fd, sizeof fd);
            taken.emplace_back(fd);
        }
    }
    return taken;
}

}  // namespace

base::Error AgentConnection::gone(const std::string& how) const {
    return base::error(base::ErrorCode::kGone, "process " + std::to_string(pid_) + " " + how);
}

base::Result<AgentConnection> AgentConnection::connect(std::uint32_t pid, std::uint32_t own_pid) {
    AgentConnection connection;
    connection.pid_ = pid;
    std::uint32_t squatter = 0;
    for (std::uint32_t attempt = 0; attempt < wire::kSocketNameAttempts; ++attempt) {
        const std::string name = wire::kSocketPrefix + std::to_string(own_pid) + "-" + std::to_string(attempt);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path + 1, name.data(), name.size());  // the leading zero makes it abstract
        const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
        base::FileDescriptor fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
        if (!fd) {
            return base::error(base::ErrorCode::kInternal,
                               std::string("no socket can be made: ") + base::errno_text(errno));
        }
        if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0) continue;
        ucred peer{};
        socklen_t size = sizeof peer;
        if (getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) continue;
        if (static_cast<std::uint32_t>(peer.pid) != pid) {
            squatter = static_cast<std::uint32_t>(peer.pid);
            continue;
        }
        connection.socket_ = std::move(fd);
        return connection;
    }
    if (squatter != 0) {
        return base::error(base::ErrorCode::kRefused,
                           "the socket names of process " + std::to_string(pid) + " are held by process " +
                               std::to_string(squatter) +
                               ", so it cannot be attached to; end that process first");
    }
    return connection.gone(
        "has a runtime, but its agent does not answer: it may be ending, or run in another network namespace "
        "(a container): run "
        "coroscope in there");
}

base::Status AgentConnection::send(wire::MessageType type, const void* body, std::size_t bytes,
                                   int descriptor) {
    CHECK(bytes <= wire::kMessageBytesMax - sizeof(wire::MessageHeader));
    wire::MessageHeader header{wire::kMessageMagic, type, static_cast<std::uint32_t>(bytes), 0};
    iovec parts[2] = {{&header, sizeof header}, {const_cast<void*>(body), bytes}};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    if (descriptor >= 0) {
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        cmsghdr* rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof(int));
        std::memcpy(CMSG_DATA(rights), &descriptor, sizeof descriptor);
    }
    if (!socket_) return gone("is no longer connected");
    for (;;) {
        if (sendmsg(socket_.get(), &message, MSG_NOSIGNAL) >= 0) return base::ok_status();
        if (errno != EINTR) return gone(std::string("cannot be asked: ") + base::errno_text(errno));
    }
}

base::Result<AgentConnection::Message> AgentConnection::receive(int timeout_ms) {
    if (!wait_readable(socket_.get(), timeout_ms)) {
        return gone("did not answer within " + std::to_string(timeout_ms) +
                    " ms: it may be stopped (SIGSTOP, a debugger)");
    }
    std::vector<std::uint8_t> datagram(wire::kMessageBytesMax);
    iovec part{datagram.data(), datagram.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kDescriptorsMax)];
    msghdr raw{};
    raw.msg_iov = &part;
    raw.msg_iovlen = 1;
    raw.msg_control = control;
    raw.msg_controllen = sizeof control;
    ssize_t got = 0;
    do {
        got = recvmsg(socket_.get(), &raw, MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    if (got <= 0) return gone("closed the connection: it has ended, or refused us");
    Message message;
    message.descriptors = take_descriptors(raw);
    const auto size = static_cast<std::size_t>(got);
    wire::MessageHeader header{};
    std::memcpy(&header, datagram.data(), std::min(size, sizeof header));
    if (size < sizeof header || header.magic != wire::kMessageMagic ||
        header.body_bytes != size - sizeof header || (raw.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
        return base::error(base::ErrorCode::kCorrupt,
                           "process " + std::to_string(pid_) +
                               " sent a message that is none: its runtime is another version "
                               "or broken; rebuild the program");
    }
    message.type = header.type;
    message.body.assign(datagram.begin() + sizeof header, datagram.begin() + got);
    return message;
}

void AgentConnection::note(const Message& message) {
    const auto* notice = message.as<wire::Notice>();
    if (notice == nullptr) return;
    if (notice->kind == wire::NoticeKind::kEnding) end_announced_ = true;
    const std::size_t begin = sizeof *notice + sizeof(wire::RuleHitsHead);
    if (notice->kind != wire::NoticeKind::kRuleHits || message.body.size() < begin ||
        (message.body.size() - begin) / sizeof(wire::RuleHit) < notice->count)
        return;
    wire::RuleHitsHead head{};
    std::memcpy(&head, message.body.data() + sizeof *notice, sizeof head);
    hits_lost_ = head.lost;
    const std::size_t kept = std::min<std::size_t>(notice->count, kHitsMax - std::min(kHitsMax, hits_.size()));
    hits_unkept_ += notice->count - kept;
    hits_.resize(hits_.size() + kept);
    if (kept != 0)
        std::memcpy(hits_.data() + hits_.size() - kept, message.body.data() + begin, kept * sizeof(wire::RuleHit));
}

bool AgentConnection::take_hits(int timeout_ms, Hits& to) {
    bool open = static_cast<bool>(socket_);
    // What has arrived is all taken in; it is waited for only where there is nothing.
    while (open && wait_readable(socket_.get(), hits_.empty() ? timeout_ms : 0)) {
        timeout_ms = 0;
        const auto message = receive(0);
        open = message.ok();
        if (open && message->type == wire::MessageType::kNotice) note(*message);
        if (hits_.size() >= kHitsMax) break;
    }
    to.hits = std::move(hits_);
    hits_.clear();
    to.lost = hits_lost_ + hits_unkept_;
    return open;
}

base::Result<AgentConnection::Message> AgentConnection::request(wire::MessageType type, const void* body,
                                                                std::size_t bytes, int descriptor,
                                                                wire::MessageType expected, int timeout_ms) {
    if (auto status = send(type, body, bytes, descriptor); !status) return status.error();
    for (;;) {
        auto message = receive(timeout_ms);
        if (!message) {
            socket_ = base::FileDescriptor();  // an answer that comes late must not be taken for that to a later question
            return message;
        }
        if (message->type == wire::MessageType::kNotice) {
            note(*message);
            continue;
        }
        if (message->type == expected) return message;
        return base::error(base::ErrorCode::kCorrupt,
                           "process " + std::to_string(pid_) +
                               " answered something else than it was asked for: its runtime is "
                               "another version or broken; rebuild the program");
    }
}

bool AgentConnection::end_announced() {
    while (!end_announced_ && socket_ && wait_readable(socket_.get(), 0)) {
        const auto message = receive(0);
        if (!message) break;
        if (message->type == wire::MessageType::kNotice) note(*message);
    }
    return end_announced_;
}

}  // namespace coroscope::inspect
