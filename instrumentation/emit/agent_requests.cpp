// What a viewer may ask for, one function a message. False from any of them ends the connection.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "instrumentation/emit/agent_implementation.h"
#include "instrumentation/emit/stack_copier.h"
#include "instrumentation/wire/limits.h"

namespace coroscope::emit {
namespace {

using wire::MessageType;
using wire::ReplyStatus;
using wire::RingMode;

// Copies a body of exactly the right size; false when it is not.
template <typename Body>
bool parse(const Message& message, Body& body) {
    if (message.body.size() != sizeof body) return false;
    std::memcpy(&body, message.body.data(), sizeof body);
    return true;
}

}  // namespace

bool Agent::Implementation::handle(Connection& viewer, Message& message) {
    if (message.type == MessageType::kHello) return handle_hello(viewer, message);
    if (!viewer.greeted) return false;
    switch (message.type) {
        case MessageType::kAttach:
            return handle_attach(viewer, message);
        case MessageType::kListen:
            return handle_listen(viewer, message);
        case MessageType::kCopyArea:
            return handle_copy_area(viewer, message);
        case MessageType::kCopyStacks:
            return handle_copy_stacks(viewer, message);
        case MessageType::kDone:
            viewer.done = true;
            if (viewer.recorder && ending_told_) settle_end();
            return message.body.empty();
        case MessageType::kPause:
            return handle_pause(viewer, message);
        case MessageType::kResume:
            return handle_resume(viewer, message);
        case MessageType::kStep:
            return handle_step(viewer, message);
        case MessageType::kRules:
            return handle_rules(viewer, message);
        case MessageType::kMask:
            return handle_mask(viewer, message);
        default:
            return false;  // kBye too
    }
}

bool Agent::Implementation::handle_hello(Connection& viewer, const Message& message) {
    wire::Hello hello{};
    if (!parse(message, hello) || viewer.greeted) return false;
    wire::Welcome welcome{};
    welcome.version_major = wire::kWireMajor;
    welcome.version_minor = wire::kWireMinor;
    if (viewer.stranger() || hello.version_major != wire::kWireMajor) {
        welcome.status = viewer.stranger() ? ReplyStatus::kRefusedUid : ReplyStatus::kVersionMismatch;
        viewer.send(MessageType::kWelcome, &welcome, sizeof welcome);
        return false;
    }
    welcome.status = ReplyStatus::kOk;
    welcome.segment_nonce = options_.state->header().segment_nonce;
    welcome.state_bytes = options_.state->file_bytes();
    welcome.ring_bytes = options_.rings->file_bytes();
    const int fds[] = {options_.state->read_only_fd(), options_.rings->read_only_fd()};
    viewer.greeted = true;
    viewer.pauses_everything = std::exchange(paused_by_nobody_, false);
    allow_tracer();  // before the answer: the viewer may read memory as soon as it has it
    return viewer.send(MessageType::kWelcome, &welcome, sizeof welcome, fds);
}

bool Agent::Implementation::handle_attach(Connection& viewer, const Message& message) {
    if (!message.body.empty() || !message.fd) return false;
    if (const Connection* other = recorder(); other != nullptr) {
        return viewer.reply(ReplyStatus::kRecorderPresent, other->pid());
    }
    if (!options_.rings->attach_reader(message.fd.get())) return viewer.reply(ReplyStatus::kMalformed);
    viewer.recorder = true;
    return viewer.reply(ReplyStatus::kOk);
}

bool Agent::Implementation::handle_listen(Connection& viewer, const Message& message) {
    wire::Listen listen{};
    if (!parse(message, listen) || listen.mode > static_cast<std::uint32_t>(RingMode::kBlock)) return false;
    const auto mode = static_cast<RingMode>(listen.mode);
    if (!viewer.recorder && listen.mask != 0) {
        if (const Connection* other = recorder(); other != nullptr) {
            return viewer.reply(ReplyStatus::kRecorderPresent, other->pid());
        }
        if (mode != RingMode::kOverwrite && mode != RingMode::kOff)
            return viewer.reply(ReplyStatus::kNotSupported);
    }
    viewer.mask = mode == RingMode::kOff ? 0 : listen.mask & wire::kEverything;
    viewer.mode = mode;
    viewer.sample_period = listen.sample_period;
    viewer.looks_first = (listen.flags & wire::kListenLooksFirst) != 0;
    apply_wishes();
    return viewer.reply(ReplyStatus::kOk);
}

bool Agent::Implementation::handle_copy_area(Connection& viewer, Message& message) {
    if (!message.body.empty() || !message.fd) return false;
    struct stat about {};
    const int seals = fcntl(message.fd.get(), F_GET_SEALS);
    // Only a memory file: writing into anything else could block or do harm.
    if (seals < 0 || fstat(message.fd.get(), &about) != 0 || !S_ISREG(about.st_mode) || about.st_size <= 0) {
        return viewer.reply(ReplyStatus::kMalformed);
    }
    viewer.copy_area = std::move(message.fd);
    viewer.copy_area_bytes = std::min(static_cast<std::uint64_t>(about.st_size), wire::kStackCopyAreaBytes);
    return viewer.reply(ReplyStatus::kOk);
}

bool Agent::Implementation::handle_copy_stacks(Connection& viewer, const Message& message) {
    wire::CopyStacks request{};
    if (message.body.size() < sizeof request) return false;
    std::memcpy(&request, message.body.data(), sizeof request);
    if (request.count > wire::kStackCopiesPerRequestMax ||
        message.body.size() != sizeof request + request.count * sizeof(std::uint32_t)) {
        return false;
    }
    if (!viewer.copy_area) return viewer.reply(ReplyStatus::kMalformed);

    std::vector<std::byte> answer(sizeof(wire::StacksCopied) + request.count * sizeof(wire::StackCopied));
    const wire::StacksCopied head{request.count, 0};
    std::memcpy(answer.data(), &head, sizeof head);
    std::uint64_t offset = 0;
    for (std::uint32_t i = 0; i < request.count; ++i) {
        std::uint32_t coroutine = 0;
        std::memcpy(&coroutine, message.body.data() + sizeof request + i * sizeof coroutine, sizeof coroutine);
        const wire::StackCopied copied = copy_stack(*options_.state, coroutine, viewer.copy_area.get(),
                                                    static_cast<std::uint32_t>(offset),
                                                    viewer.copy_area_bytes - offset);
        std::memcpy(answer.data() + sizeof head + i * sizeof copied, &copied, sizeof copied);
        offset = std::min<std::uint64_t>((offset + copied.bytes + 15) & ~15ULL, viewer.copy_area_bytes);
    }
    return viewer.send(MessageType::kStacksCopied, answer.data(), answer.size());
}

const Connection* Agent::Implementation::recorder() const {
    for (const auto& viewer : viewers_) {
        if (viewer->recorder) return viewer.get();
    }
    return nullptr;
}

}  // namespace coroscope::emit
