// The agent's thread: one poll over the listening socket, a doorbell and the viewers.
#include "instrumentation/emit/agent.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstring>

#include "instrumentation/emit/agent_implementation.h"
#include "instrumentation/wire/limits.h"

namespace coroscope::emit {
namespace {

using wire::MessageType;
using wire::RingMode;

constexpr std::size_t kConnectionsMax = 16;
constexpr std::size_t kStrangersMax = 4;  // of those; the oldest makes room for the next
constexpr std::size_t kAgentStackBytes = 256 << 10;
constexpr std::uint32_t kDefaultSamplePeriod = 64;

}  // namespace

base::Status Agent::Implementation::open() {
    doorbell_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    spare_.reset(eventfd(0, EFD_CLOEXEC));
    if (!doorbell_ || !spare_)
        return base::error(base::ErrorCode::kRefused,
                           "no descriptor is left for the agent: raise `ulimit -n`");
    guard_descriptor(doorbell_.get());
    guard_descriptor(spare_.get());
    auto bound = bind_socket();
    if (!bound) return bound;
    wire::SegmentHeader& header = options_.state->header();
    std::strncpy(header.socket_name, name_.c_str(), sizeof header.socket_name - 1);
    header.flags |= wire::kFlagPtracerAllowed;
    return start_thread();
}

base::Status Agent::Implementation::bind_socket() {
    listener_.reset(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!listener_) {
        return base::error(base::ErrorCode::kRefused,
                           "the agent cannot make a socket: " + base::errno_text(errno));
    }
    guard_descriptor(listener_.get());
    for (std::uint32_t attempt = 0; attempt < wire::kSocketNameAttempts; ++attempt) {
        name_ = wire::kSocketPrefix + std::to_string(options_.state->header().pid) + "-" +
                std::to_string(attempt);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path + 1, name_.c_str(), name_.size());
        const auto bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name_.size());
        if (bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), bytes) == 0) {
            if (listen(listener_.get(), static_cast<int>(kConnectionsMax)) == 0) return base::ok_status();
            break;
        }
        if (errno != EADDRINUSE) break;
    }
    const int why = errno;
    return base::error(base::ErrorCode::kRefused, "the agent cannot listen on the socket \"@" + name_ +
                                                      "\" (" + base::errno_text(why) +
                                                      "): nobody can attach to this process");
}

base::Status Agent::Implementation::start_thread() {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, kAgentStackBytes);
    // Blocked before the thread exists: it must not take a signal even in its first instruction.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failed = pthread_create(&thread_, &attributes, thread_main, this);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    pthread_attr_destroy(&attributes);
    if (failed != 0) {
        return base::error(base::ErrorCode::kRefused,
                           "the agent's thread cannot start: " + base::errno_text(failed));
    }
    thread_runs_ = true;
    pthread_setname_np(thread_, "coroscope-agent");
    return base::ok_status();
}

void Agent::Implementation::ring_doorbell() {
    const std::uint64_t one = 1;
    // Fails only when it rings already.
    [[maybe_unused]] const ssize_t written = write(doorbell_.get(), &one, sizeof one);
}

void Agent::Implementation::announce_end() {
    mark_ending(*options_.state);
    const std::uint32_t grace_ms = options_.end_grace_ms != 0 ? options_.end_grace_ms : wire::kEndGraceMs;
    std::unique_lock hold(lock_);
    if (ending_ || stop_) return;
    ending_ = true;
    ring_doorbell();
    settled_changed_.wait_for(hold, std::chrono::milliseconds(grace_ms), [this] { return settled_; });
}

void Agent::Implementation::nobody_came() {
    {
        std::lock_guard hold(lock_);
        nobody_came_ = true;
    }
    ring_doorbell();
}

void Agent::Implementation::shutdown() {
    if (!thread_runs_) return;
    {
        std::lock_guard hold(lock_);
        stop_ = true;
    }
    ring_doorbell();
    pthread_join(thread_, nullptr);
    thread_runs_ = false;
    unguard_descriptor(listener_.get());
    listener_.reset();
    options_.state->header().socket_name[0] = '\0';
}

void Agent::Implementation::serve() {
    std::vector<pollfd> polled;
    for (;;) {
        // A negative descriptor, before the first rule was armed, is passed over.
        polled.assign({{listener_.get(), POLLIN, 0},
                       {doorbell_.get(), POLLIN, 0},
                       {hits_ != nullptr ? hits_->doorbell() : -1, POLLIN, 0}});
        for (const auto& viewer : viewers_)
            polled.push_back({viewer->socket(), POLLIN, 0});
        if (poll(polled.data(), polled.size(), -1) < 0) {
            if (errno == EINTR) continue;  // after a debugger's visit
            std::fprintf(stderr, "cprime: the agent stops, nobody can attach any more: %s\n",
                         base::errno_text(errno).c_str());
            break;
        }

        if (polled[1].revents != 0) {
            std::uint64_t rung = 0;
            [[maybe_unused]] const ssize_t taken = read(doorbell_.get(), &rung, sizeof rung);
            std::unique_lock hold(lock_);
            const bool stop = stop_;
            const bool ending = ending_;
            const bool nobody_came = nobody_came_;
            hold.unlock();
            if (stop) break;
            if (nobody_came && paused_by_nobody_) {
                paused_by_nobody_ = false;
                apply_holds();
            }
            if (ending && !ending_told_) tell_ending();
        }
        // From the last to the first: ending one moves only those after it.
        for (std::size_t i = polled.size(); i-- > 3;) {
            if (polled[i].revents == 0) continue;
            Message message;
            const Received received = viewers_[i - 3]->receive(message);
            if (received == Received::kNothing) continue;
            if (received == Received::kEnd || !handle(*viewers_[i - 3], message)) end(i - 3);
        }
        if (polled[2].revents != 0) tell_hits();
        if (polled[0].revents != 0) accept_viewer();
    }
    while (!viewers_.empty())
        end(viewers_.size() - 1);
    settle_end();
}

void Agent::Implementation::accept_viewer() {
    base::FileDescriptor socket(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket && (errno == EMFILE || errno == ENFILE)) {
        // The target has used up its descriptors. Left in the queue, this viewer would keep poll() from ever waiting: it
        // is let in on the descriptor kept for this, and out again.
        unguard_descriptor(spare_.get());
        spare_.reset();
        base::FileDescriptor(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        spare_.reset(eventfd(0, EFD_CLOEXEC));
        if (spare_) guard_descriptor(spare_.get());
    }
    if (!socket) return;
    ucred peer{};
    socklen_t bytes = sizeof peer;
    if (getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &bytes) != 0) return;
    const bool stranger = peer.uid != 0 && peer.uid != geteuid();
    const auto is_stranger = [](const auto& viewer) { return viewer->stranger(); };
    if (stranger &&
        std::count_if(viewers_.begin(), viewers_.end(), is_stranger) >= std::ptrdiff_t{kStrangersMax}) {
        viewers_.erase(std::find_if(viewers_.begin(), viewers_.end(), is_stranger));
    }
    if (viewers_.size() >= kConnectionsMax) return;
    viewers_.push_back(std::make_unique<Connection>(
        std::move(socket), static_cast<std::uint32_t>(std::max(peer.pid, 0)), stranger));
}

// Takes back everything that this viewer asked for (A2).
void Agent::Implementation::end(std::size_t index) {
    const std::unique_ptr<Connection> gone = std::move(viewers_[index]);
    viewers_.erase(viewers_.begin() + static_cast<std::ptrdiff_t>(index));
    if (!gone->greeted) return;
    const bool listened = gone->mask != 0 || gone->recorder;
    if (listened) apply_wishes();
    const bool armed = gone.get() == rule_owner_;
    if (armed) disarm();
    if (armed || gone->pauses_everything || !gone->pauses.empty()) apply_holds();
    if (gone->recorder) {
        options_.rings->detach_reader();
        if (ending_told_) settle_end();
    }
    allow_tracer();
}

// What all viewers together want: everything that any of them asked for, but for what is withheld, in the recorder's mode if there is one.
void Agent::Implementation::apply_wishes() {
    std::uint32_t mask = 0;
    std::uint32_t ready_mask = 0;
    std::uint32_t period = 0;
    RingMode mode = RingMode::kOverwrite;
    for (const auto& viewer : viewers_) {
        mask |= viewer->mask;
        if (viewer->mask == 0) continue;
        if (!viewer->looks_first) ready_mask |= viewer->mask;
        if (viewer->recorder) mode = viewer->mode;
        const std::uint32_t wish = viewer->sample_period != 0 ? viewer->sample_period : kDefaultSamplePeriod;
        period = period == 0 ? wish : std::min(period, wish);
    }
    options_.rings->header().withheld.store(withheld_, std::memory_order_relaxed);
    options_.rings->listen(mask & ~withheld_, mask != 0 ? mode : RingMode::kOff, period);
    if (options_.changed != nullptr) options_.changed(options_.context, ready_mask, period);
}

// Under Yama one process may be named that may read this one's memory: the viewer that came last. Elsewhere this fails and
// is not needed.
void Agent::Implementation::allow_tracer() const {
    unsigned long pid = 0;
    for (const auto& viewer : viewers_) {
        if (viewer->greeted && viewer->pid() != 0) pid = viewer->pid();
    }
    prctl(PR_SET_PTRACER, pid, 0, 0, 0);
}

void Agent::Implementation::tell_ending() {
    ending_told_ = true;
    const wire::Notice notice{wire::NoticeKind::kEnding, 0};
    for (std::size_t i = viewers_.size(); i-- > 0;) {
        if (viewers_[i]->greeted && !viewers_[i]->send(MessageType::kNotice, &notice, sizeof notice)) end(i);
    }
    const Connection* waited_for = recorder();
    if (waited_for == nullptr || waited_for->done) settle_end();
}

void Agent::Implementation::settle_end() {
    std::lock_guard hold(lock_);
    settled_ = true;
    settled_changed_.notify_all();
}

Agent::Agent(std::unique_ptr<Implementation> implementation) : implementation_(std::move(implementation)) {}

Agent::~Agent() {
    if (forked_child()) {
        // The thread and the descriptors are the parent's; there is nothing here to end.
        [[maybe_unused]] const Implementation* abandoned = implementation_.release();
        return;
    }
    implementation_->shutdown();
}

base::Result<std::unique_ptr<Agent>> Agent::start(const AgentOptions& options) {
    CHECK(options.state != nullptr && options.rings != nullptr && options.state->shared());
    auto implementation = std::make_unique<Implementation>(options);
    auto opened = implementation->open();
    if (!opened) return opened.error();
    return std::unique_ptr<Agent>(new Agent(std::move(implementation)));
}

void Agent::announce_end() {
    if (!forked_child()) implementation_->announce_end();
}

void Agent::nobody_came() {
    if (!forked_child()) implementation_->nobody_came();
}

void Agent::shutdown() {
    if (!forked_child()) implementation_->shutdown();
}

const std::string& Agent::socket_name() const {
    return implementation_->name();
}

void mark_ending(StateSegment& state) {
    wire::SegmentHeader& header = state.header();
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    header.peak_rss_kib.store(static_cast<std::uint64_t>(usage.ru_maxrss), std::memory_order_relaxed);
    // Release: who sees the end announced sees the peak.
    header.lifecycle.store(static_cast<std::uint32_t>(wire::Lifecycle::kEnding), std::memory_order_release);
}

}  // namespace coroscope::emit
