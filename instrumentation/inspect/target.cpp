// Attaching: who is it, may we, does its agent answer; then what a Target is asked most. Rings are in
// target_rings.cpp, stacks in stack_copies.cpp, finding processes in find_targets.cpp.
#include "instrumentation/inspect/target.h"

#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>

#include "instrumentation/inspect/module_set.h"
#include "instrumentation/inspect/proc.h"
#include "instrumentation/inspect/target_impl.h"

namespace coroscope::inspect {
namespace {

constexpr int kRetryMs = 5;

using base::ErrorCode;

std::string process(std::uint32_t pid) {
    return "process " + std::to_string(pid);
}

// Waits until the process ends or the time is over; true when it has ended.
bool wait_end(int pid_fd, int timeout_ms) {
    pollfd waiting{pid_fd, POLLIN, 0};
    return poll(&waiting, 1, timeout_ms) > 0;
}

// Everything that can be said before talking to it. kPresent or kRefused (to look, not to ask) lets us go on.
base::Status may_attach(std::uint32_t pid) {
    const auto status = proc::status(pid);
    if (!status || pid == 0)
        return base::error(ErrorCode::kGone, process(pid) + " does not exist (any more)");
    if (status->state == 'Z' || status->state == 'X') {
        return base::error(ErrorCode::kGone, process(pid) + " has already ended");
    }
    if (geteuid() != 0 && status->uid != geteuid()) {
        return base::error(ErrorCode::kRefused, process(pid) + " belongs to " + proc::user_name(status->uid) +
                                                    ": run coroscope as that user or as root");
    }
    if (proc::runtime_in(pid) == proc::Runtime::kNone) {
        return base::error(
            ErrorCode::kUnreadable,
            process(pid) + " (" + proc::name(pid) +
                ") has no CPrime runtime that can be looked into: link it with cprime and start it "
                "without CPRIME_STATE_PLANE=off");
    }
    return base::ok_status();
}

// Connects, waiting for an agent that is only just starting.
base::Result<AgentConnection> connect_patiently(std::uint32_t pid, int pid_fd, int timeout_ms) {
    using Clock = std::chrono::steady_clock;
    const auto end = Clock::now() + std::chrono::milliseconds(timeout_ms);
    for (;;) {
        const auto status = proc::status(pid);
        if (!status) return base::error(ErrorCode::kGone, process(pid) + " has ended");
        auto connection = AgentConnection::connect(pid, status->own_pid);
        if (connection || connection.error().code != ErrorCode::kGone || Clock::now() >= end)
            return connection;
        if (wait_end(pid_fd, kRetryMs)) return base::error(ErrorCode::kGone, process(pid) + " has ended");
    }
}

base::Error version_error(std::uint32_t pid, const wire::Welcome& welcome) {
    const bool target_newer = welcome.version_major > wire::kWireMajor;
    return base::error(
        ErrorCode::kVersion,
        process(pid) + " speaks version " + std::to_string(welcome.version_major) + "." +
            std::to_string(welcome.version_minor) + ", this coroscope version " +
            std::to_string(wire::kWireMajor) + "." + std::to_string(wire::kWireMinor) + ": " +
            (target_newer ? "upgrade coroscope" : "rebuild the program with a newer CPrime runtime"));
}

// Hello, and what the answer says.
base::Result<AgentConnection::Message> greet(AgentConnection& agent, std::uint32_t pid,
                                             const Target::Options& options) {
    const wire::Hello hello{wire::kWireMajor, wire::kWireMinor, options.role,
                            static_cast<std::uint32_t>(getpid()), 0};
    auto message = agent.request(wire::MessageType::kHello, &hello, sizeof hello, -1,
                                 wire::MessageType::kWelcome, options.timeout_ms);
    if (!message) return message;
    const auto* welcome = message->as<wire::Welcome>();
    if (welcome == nullptr) {
        return base::error(ErrorCode::kCorrupt,
                           process(pid) + " answered with half a greeting: rebuild the program");
    }
    if (welcome->status == wire::ReplyStatus::kVersionMismatch || welcome->version_major != wire::kWireMajor) {
        return version_error(pid, *welcome);
    }
    if (welcome->status == wire::ReplyStatus::kRefusedUid) {
        return base::error(
            ErrorCode::kRefused,
            process(pid) + " lets only its own user and root look: run coroscope as one of them");
    }
    if (welcome->status != wire::ReplyStatus::kOk || message->descriptors.size() < 2) {
        return base::error(ErrorCode::kRefused,
                           process(pid) + " refused to be looked into (reply " +
                               std::to_string(static_cast<std::uint32_t>(welcome->status)) + ")");
    }
    return message;
}

}  // namespace

base::Result<std::unique_ptr<Target>> Target::attach(std::uint32_t pid, const Options& options) {
    if (auto status = may_attach(pid); !status) return status.error();
    base::FileDescriptor pid_fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    if (!pid_fd) {
        return base::error(errno == ESRCH ? ErrorCode::kGone : ErrorCode::kInternal,
                           process(pid) + " cannot be watched: " + base::errno_text(errno));
    }
    auto agent = connect_patiently(pid, pid_fd.get(), options.timeout_ms);
    if (!agent) return agent.error();
    auto message = greet(*agent, pid, options);
    if (!message) return message.error();
    const wire::Welcome welcome = *message->as<wire::Welcome>();

    auto state = StateReader::open(std::move(message->descriptors[0]), process(pid));
    if (!state) return state.error();
    if (state->header().segment_nonce != welcome.segment_nonce) {
        return base::error(ErrorCode::kCorrupt, process(pid) + " sent a segment that is not its own");
    }
    auto impl = std::make_unique<Impl>(pid, options, std::move(*state));
    impl->pid_fd = std::move(pid_fd);
    impl->agent = std::move(*agent);
    if (auto status = impl->open_rings(std::move(message->descriptors[1]), welcome.segment_nonce); !status) {
        return status.error();
    }
    if (options.role == wire::Role::kRecorder) {
        if (auto status = impl->become_recorder(); !status) return status.error();
    }
    // Whether the kernel lets us read its memory is found out by trying; containers and seccomp may not.
    std::uint8_t probe = 0;
    iovec local{&probe, 1};
    iovec remote{reinterpret_cast<void*>(impl->state.header().trampoline_address), 1};
    const bool readable = process_vm_readv(static_cast<pid_t>(pid), &local, 1, &remote, 1, 0) == 1 ||
                          (errno != EPERM && errno != ENOSYS);
    if (options.force_agent_copies || !readable) impl->access = MemoryAccess::kAgent;
    return std::unique_ptr<Target>(new Target(std::move(impl)));
}

Target::Target(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Target::~Target() {
    // Best effort: the end of the connection says the same.
    if (impl_->alive()) static_cast<void>(impl_->agent.send(wire::MessageType::kBye, nullptr, 0).ok());
}

std::uint32_t Target::pid() const {
    return impl_->pid;
}

MemoryAccess Target::memory_access() const {
    return impl_->access;
}

base::Result<StateImage> Target::read_state() {
    std::vector<RingHead> heads;
    for (std::uint32_t ring = 0; ring < impl_->rings.rings_count(); ++ring) {
        const wire::RingLocation location = impl_->location(ring);
        // [ring.publish] acquire: what a thread did to its records before it wrote an event that lies before head is seen by the reads below.
        if (location.slots_count != 0) heads.push_back({ring, location.header->head.load(std::memory_order_acquire)});
    }
    auto image = impl_->state.read();
    if (image.ok()) image->ring_heads = std::move(heads);
    return image;
}

bool Target::follow(CoroutineImage& coroutine) const {
    CoroutineImage now;
    if (!impl_->state.read_coroutine(coroutine.index, now) || now.identity != coroutine.identity)
        return false;
    coroutine = now;
    return true;
}

std::size_t Target::read_memory(std::uint64_t address, void* to, std::size_t bytes) const {
    if (impl_->access != MemoryAccess::kProcessVm) return 0;
    iovec local{to, bytes};
    iovec remote{reinterpret_cast<void*>(address), bytes};
    const ssize_t got = process_vm_readv(static_cast<pid_t>(impl_->pid), &local, 1, &remote, 1, 0);
    return got > 0 ? static_cast<std::size_t>(got) : 0;
}

bool Target::end_announced() {
    return impl_->agent.end_announced();
}

void Target::acknowledge_end() {
    // When it cannot be told it is gone already, and waits for nobody.
    static_cast<void>(impl_->agent.send(wire::MessageType::kDone, nullptr, 0).ok());
}

bool Target::Impl::alive() const {
    return !wait_end(pid_fd.get(), 0);
}

bool Target::alive() const {
    return impl_->alive();
}

base::Result<std::vector<Module>> Target::modules() const {
    return read_modules(impl_->pid);
}

SharedArea::~SharedArea() {
    if (data_ != nullptr) munmap(data_, bytes_);
}

}  // namespace coroscope::inspect
