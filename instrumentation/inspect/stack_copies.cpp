// Copying parked stacks out of a running target, many at a time, each checked by its sequence word.
//
//   look    s1 = sequence (even), rsp, identity           from the segment [coroutine.sequence]
//   read    all stacks of a batch                         one process_vm_readv, or one request to the agent
//   check   acquire fence, sequence still s1              exact; else tried again, in the end torn
//   record  read anew where the image's is not of s1      of s1 too; else tried again
//
// Nothing stops the target. In a prototype 1.5M copies were taken this way from a busy program without a
// broken one among those accepted; without the check 15,000 were broken. Cost: 0.3-0.9 us a stack in batches
// of up to 1024 (IOV_MAX).
#include <sys/uio.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "instrumentation/inspect/grown_stack.h"
#include "instrumentation/inspect/target_impl.h"

namespace coroscope::inspect {
namespace {

constexpr std::size_t kBatchStacksMax = 1024;  // IOV_MAX
constexpr std::size_t kBatchBytesMax = 16U << 20;
constexpr int kAttempts = 4;

struct Wanted {
    const CoroutineImage* coroutine = nullptr;
    wire::StackBounds bounds;
    std::uint32_t sequence = 0;
    std::uint64_t rsp = 0, rip = 0;
    std::uint64_t offset = 0;  // in the batch's buffer
    std::uint64_t bytes = 0;   // 0: could not be read
};

enum class Look { kReady, kOnSegment, kRunning, kRetry, kNever };

// The control block as it stands now.
Look look(const StateReader& state, const StateImage& image, Wanted& wanted) {
    const wire::CoroutineRecord* record = state.coroutine(wanted.coroutine->index);
    const wire::CoroutineDetail* detail = state.detail(wanted.coroutine->index);
    if (record == nullptr || detail == nullptr) return Look::kNever;
    wanted.sequence = record->sequence.load(std::memory_order_acquire);
    const wire::CoroutineState now = record->state.load(std::memory_order_relaxed);
    wanted.rsp = record->rsp.load(std::memory_order_relaxed);
    wanted.rip = record->rip.load(std::memory_order_relaxed);
    if (detail->identity.load(std::memory_order_relaxed) != wanted.coroutine->identity ||
        now == wire::CoroutineState::kFree || now == wire::CoroutineState::kExited) {
        return Look::kNever;  // it has ended; the record may be somebody else's by now
    }
    if ((wanted.sequence & 1) != 0) return Look::kRunning;
    std::atomic_thread_fence(std::memory_order_acquire);
    if (record->sequence.load(std::memory_order_relaxed) != wanted.sequence) return Look::kRetry;
    const bool grows = (record->flags.load(std::memory_order_relaxed) & wire::kCoroutineSegments) != 0;
    wanted.bounds = grows ? image.stack_of(*wanted.coroutine) : image.stack_at(*wanted.coroutine, wanted.rsp);
    const bool inside = wanted.rsp >= wanted.bounds.low && wanted.rsp % sizeof(std::uint64_t) == 0 &&
                        wanted.rsp < wanted.bounds.high &&
                        wanted.bounds.high - wanted.rsp >= sizeof(wire::SavedFrame);
    if (!inside) return grows && wanted.rsp % sizeof(std::uint64_t) == 0 ? Look::kOnSegment : Look::kNever;
    wanted.bytes = std::min(wanted.bounds.high - wanted.rsp, wire::kStackCopyBytesMax);
    return Look::kReady;
}

bool unchanged(const StateReader& state, const Wanted& wanted) {
    std::atomic_thread_fence(std::memory_order_acquire);  // the copy ends before the sequence is looked at again
    const wire::CoroutineRecord* record = state.coroutine(wanted.coroutine->index);
    return record != nullptr && record->sequence.load(std::memory_order_relaxed) == wanted.sequence;
}

// Reads a batch straight from the target's memory. What cannot be read gets bytes = 0. False: not permitted
// at all.
bool read_batch(std::uint32_t pid, std::vector<Wanted>& batch, std::vector<std::uint8_t>& buffer) {
    std::vector<iovec> remote(batch.size());
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < batch.size(); ++i) {
        batch[i].offset = total;
        remote[i] = {reinterpret_cast<void*>(batch[i].rsp), batch[i].bytes};
        total += batch[i].bytes;
    }
    if (buffer.size() < total) buffer.resize(total);
    for (std::size_t next = 0; next < batch.size();) {
        const std::uint64_t begin = batch[next].offset;
        iovec local{buffer.data() + begin, total - begin};
        const ssize_t got = process_vm_readv(static_cast<pid_t>(pid), &local, 1, &remote[next],
                                             batch.size() - next, 0);
        if (got < 0 && (errno == EPERM || errno == ENOSYS)) return false;
        if (got < 0 && errno == EINTR) continue;
        // The transfer ends at the first stack that is not all there (its slot was given back): that one
        // fails, the rest goes on.
        const std::uint64_t reached = begin + static_cast<std::uint64_t>(std::max<ssize_t>(got, 0));
        while (next < batch.size() && batch[next].offset + batch[next].bytes <= reached)
            ++next;
        if (next < batch.size()) batch[next++].bytes = 0;
    }
    return true;
}

}  // namespace

// One run of copy_stacks: keeps what is shared between batches.
class StackCopier {
public:
    StackCopier(Target::Impl& target, const StateImage& image, Target::VisitFunction visit, void* context)
        : target_(target), image_(image), visit_(visit), context_(context) {}

    base::Status run(std::vector<const CoroutineImage*> todo) {
        for (int attempt = 0; attempt < kAttempts && !todo.empty(); ++attempt) {
            again_.clear();
            for (const CoroutineImage* coroutine : todo) {
                if (auto status = add(*coroutine); !status) return status;
            }
            if (auto status = flush(); !status) return status;
            todo.swap(again_);
        }
        for (const CoroutineImage* coroutine : todo)
            report(*coroutine, Consistency::kTorn);
        return base::ok_status();
    }

private:
    base::Status add(const CoroutineImage& coroutine) {
        Wanted wanted;
        wanted.coroutine = &coroutine;
        switch (look(target_.state, image_, wanted)) {
            case Look::kRunning:
                report(coroutine, Consistency::kRunning);
                return base::ok_status();
            case Look::kNever:
                report(coroutine, Consistency::kTorn);
                return base::ok_status();
            case Look::kRetry:
                again_.push_back(&coroutine);
                return base::ok_status();
            case Look::kOnSegment:
                copy_segments(wanted);
                return base::ok_status();
            case Look::kReady:
                break;
        }
        const std::size_t stacks_max = target_.access == MemoryAccess::kAgent ? wire::kStackCopiesPerRequestMax
                                                                              : kBatchStacksMax;
        if (batch_.size() == stacks_max || batch_bytes_ + wanted.bytes > kBatchBytesMax) {
            if (auto status = flush(); !status) return status;
        }
        batch_.push_back(wanted);
        batch_bytes_ += wanted.bytes;
        return base::ok_status();
    }

    // Few stacks go over segments: each is read by itself, piece by piece.
    void copy_segments(Wanted& wanted) {
        const auto read = [this](std::uint64_t address, void* to, std::size_t bytes) {
            iovec local{to, bytes};
            iovec remote{reinterpret_cast<void*>(address), bytes};
            return process_vm_readv(static_cast<pid_t>(target_.pid), &local, 1, &remote, 1, 0) ==
                   static_cast<ssize_t>(bytes);
        };
        const GrownStack grown = read_grown_stack(read, image_, wanted.bounds, wanted.rsp);
        if (grown.pieces.empty()) {
            again_.push_back(wanted.coroutine);
            return;
        }
        wanted.bytes = grown.pieces[0].size;
        accept(wanted, grown.pieces[0].bytes, grown.pieces.data() + 1, grown.pieces.size() - 1);
    }

    base::Status flush() {
        if (batch_.empty()) return base::ok_status();
        if (target_.access == MemoryAccess::kProcessVm && !read_batch(target_.pid, batch_, buffer_)) {
            target_.access = MemoryAccess::kAgent;  // permitted at first, refused now: a filter came into force
        }
        base::Status status = base::ok_status();
        if (target_.access == MemoryAccess::kAgent) {
            for (std::size_t first = 0; first < batch_.size() && status;
                 first += wire::kStackCopiesPerRequestMax) {
                status = copy_by_agent(
                    first, std::min<std::size_t>(batch_.size() - first, wire::kStackCopiesPerRequestMax));
            }
        } else {
            for (const Wanted& wanted : batch_)
                accept(wanted, buffer_.data() + wanted.offset);
        }
        batch_.clear();
        batch_bytes_ = 0;
        return status;
    }

    void accept(const Wanted& wanted, const std::uint8_t* bytes, const StackBytes* older = nullptr,
                std::size_t older_count = 0) {
        if (wanted.bytes == 0 || !unchanged(target_.state, wanted)) {
            again_.push_back(wanted.coroutine);
            return;
        }
        CoroutineImage moved;
        const bool has_moved = wanted.sequence != wanted.coroutine->sequence;
        if (has_moved && (!target_.state.read_coroutine(wanted.coroutine->index, moved) ||
                          moved.sequence != wanted.sequence)) {
            again_.push_back(wanted.coroutine);
            return;
        }
        const Target::StackCopy copy{wanted.coroutine,
                                     Consistency::kExact,
                                     wanted.rsp,
                                     wanted.rip,
                                     bytes,
                                     wanted.bytes,
                                     wanted.sequence,
                                     has_moved ? &moved : wanted.coroutine,
                                     older,
                                     older_count};
        visit_(context_, copy);
    }

    void report(const CoroutineImage& coroutine, Consistency consistency) {
        Target::StackCopy copy;
        copy.coroutine = &coroutine;
        copy.consistency = consistency;
        copy.sequence = coroutine.sequence;
        visit_(context_, copy);
    }

    base::Status send_copy_area() {
        if (target_.copy_area_sent) return base::ok_status();
        auto area = SharedArea::create("coroscope-copies", wire::kStackCopyAreaBytes);
        if (!area) return area.error();
        target_.copy_area = std::move(*area);
        auto message = target_.agent.request(wire::MessageType::kCopyArea, nullptr, 0, target_.copy_area.fd(),
                                             wire::MessageType::kReply, target_.options.timeout_ms);
        if (!message) return message.error();
        const auto* reply = message->as<wire::Reply>();
        if (reply == nullptr || reply->status != wire::ReplyStatus::kOk) {
            return base::error(base::ErrorCode::kRefused,
                               target_.name() +
                                   " refused to copy its stacks, and reading its memory is not permitted "
                                   "here: run coroscope outside the container, or with CAP_SYS_PTRACE");
        }
        target_.copy_area_sent = true;
        return base::ok_status();
    }

    // Asks the agent for `count` stacks of the batch; it checks the sequence too, in the target.
    base::Status copy_by_agent(std::size_t first, std::size_t count) {
        if (auto status = send_copy_area(); !status) return status;
        std::vector<std::uint32_t> request(2 + count);
        request[0] = static_cast<std::uint32_t>(count);
        for (std::size_t i = 0; i < count; ++i)
            request[2 + i] = batch_[first + i].coroutine->index;
        auto message = target_.agent.request(wire::MessageType::kCopyStacks, request.data(),
                                             request.size() * sizeof(std::uint32_t), -1,
                                             wire::MessageType::kStacksCopied, target_.options.timeout_ms);
        if (!message) return message.error();
        const auto* answer = message->as<wire::StacksCopied>();
        if (answer == nullptr || answer->count != count ||
            message->body.size() != sizeof(wire::StacksCopied) + count * sizeof(wire::StackCopied)) {
            return base::error(
                base::ErrorCode::kCorrupt,
                target_.name() + " copied other stacks than it was asked for: rebuild the program");
        }
        for (std::size_t i = 0; i < count; ++i) {
            wire::StackCopied copied{};
            std::memcpy(&copied, message->body.data() + sizeof *answer + i * sizeof copied, sizeof copied);
            Wanted wanted = batch_[first + i];
            const std::uint64_t room = wanted.bounds.high -
                                       std::clamp(copied.rsp, wanted.bounds.low, wanted.bounds.high);
            const bool sound = copied.coroutine == wanted.coroutine->index && (copied.sequence & 1) == 0 &&
                               copied.rsp >= wanted.bounds.low && copied.bytes <= room &&
                               copied.bytes >= sizeof(wire::SavedFrame) &&
                               copied.offset <= target_.copy_area.bytes() &&
                               copied.bytes <= target_.copy_area.bytes() - copied.offset;
            wanted.sequence = copied.sequence;
            wanted.rsp = copied.rsp;
            wanted.rip = copied.rip;
            wanted.bytes = sound ? copied.bytes : 0;
            accept(wanted, target_.copy_area.data() + (sound ? copied.offset : 0));
        }
        return base::ok_status();
    }

    Target::Impl& target_;
    const StateImage& image_;
    Target::VisitFunction visit_;
    void* context_;
    std::vector<Wanted> batch_;
    std::uint64_t batch_bytes_ = 0;
    std::vector<std::uint8_t> buffer_;
    std::vector<const CoroutineImage*> again_;
};

std::uint64_t Target::StackCopy::used_bytes() const {
    std::uint64_t sum = size - std::min(size, sizeof(wire::SavedFrame));
    for (std::size_t i = 0; i < older_count; ++i)
        sum += older[i].size;
    return sum;
}

base::Status Target::copy_stacks_impl(const StateImage& state, const std::vector<std::uint32_t>& only,
                                      VisitFunction visit, void* context) {
    if (auto status = impl_->state.refresh_coroutines(); !status) return status;
    std::vector<const CoroutineImage*> todo;
    if (only.empty()) {
        for (const CoroutineImage& coroutine : state.coroutines) {
            const wire::CoroutineState now = coroutine.state;
            if (now == wire::CoroutineState::kParked || now == wire::CoroutineState::kReady ||
                now == wire::CoroutineState::kCreated || now == wire::CoroutineState::kPaused) {
                todo.push_back(&coroutine);
            }
        }
    } else {
        for (const std::uint32_t index : only) {
            if (const CoroutineImage* coroutine = state.coroutine_at(index)) todo.push_back(coroutine);
        }
    }
    return StackCopier(*impl_, state, visit, context).run(std::move(todo));
}

}  // namespace coroscope::inspect
