// Reading the words: which pages are there (/proc/PID/pagemap), those, and the coroutine's sequence before and after.
#include "instrumentation/inspect/raw_stack.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "instrumentation/base/file_descriptor.h"
#include "instrumentation/inspect/grown_stack.h"
#include "instrumentation/inspect/slot_finder.h"
#include "instrumentation/wire/stack_segment.h"

namespace coroscope::inspect {
namespace {

constexpr std::uint64_t kUsedBytesMax = 1U << 20;    // of one piece, from its used end up
constexpr std::uint64_t kFreeBytesMax = 256U << 10;  // of one piece, below that
constexpr std::uint64_t kColourBytesMax = 4096;
constexpr std::uint64_t kStackBytesMax = 4U << 20;  // of all pieces together: the innermost ones are read
constexpr std::uint64_t kWord = sizeof(std::uint64_t);
constexpr int kAttempts = 4;

// Which pages of a process are there. Unknown ones are taken to be: then they are read.
class PageMap {
public:
    explicit PageMap(std::uint32_t pid)
        : fd_(::open(("/proc/" + std::to_string(pid) + "/pagemap").c_str(), O_RDONLY | O_CLOEXEC)) {}

    bool touched(std::uint64_t address) const {
        constexpr std::uint64_t kPresent = 1ULL << 63, kSwapped = 1ULL << 62;
        std::uint64_t entry = 0;
        const auto at = static_cast<off_t>(address / wire::kPageBytes * sizeof entry);
        if (!fd_ || pread(fd_.get(), &entry, sizeof entry, at) != static_cast<ssize_t>(sizeof entry))
            return true;
        return (entry & (kPresent | kSwapped)) != 0;
    }

private:
    base::FileDescriptor fd_;
};

void add_run(RawStackPiece& piece, RawStackRun::Kind kind, std::uint64_t low, std::uint64_t high) {
    if (low >= high) return;
    if (!piece.runs.empty() && piece.runs.back().kind == kind && piece.runs.back().high == low) {
        piece.runs.back().high = high;
        return;
    }
    piece.runs.push_back({kind, low, high, piece.words.size()});
}

// The words of [low, high), page by page.
void read_words(const Target& target, const PageMap& pages, RawStackPiece& piece, std::uint64_t low,
                std::uint64_t high) {
    std::uint64_t buffer[wire::kPageBytes / kWord];
    for (std::uint64_t at = low; at < high;) {
        const std::uint64_t end = std::min(high, (at / wire::kPageBytes + 1) * wire::kPageBytes);
        if (!pages.touched(at)) {
            // A guard is not there either; what is in use is, or was swapped.
            add_run(piece, RawStackRun::Kind::kUntouched, at, end);
        } else if (target.read_memory(at, buffer, end - at) == end - at) {
            add_run(piece, RawStackRun::Kind::kRead, at, end);
            piece.words.insert(piece.words.end(), buffer, buffer + (end - at) / kWord);
        } else {
            add_run(piece, RawStackRun::Kind::kGuarded, at, end);
        }
        at = end;
    }
}

// Bounds, colour, canary of a slot; false when there is no such slot.
bool place(const StateImage& state, std::uint8_t pool_number, std::uint32_t slot, RawStackPiece& piece) {
    if (pool_number >= state.pools.size()) return false;
    const PoolImage& pool = state.pools[pool_number];
    const wire::StackBounds bounds = pool.bounds(slot);
    if (bounds.high == 0) return false;
    const SlabImage& slab = pool.slabs[slot / wire::kSlotsPerSlab];
    piece.pool = pool_number;
    piece.slot = slot;
    piece.low = bounds.low;
    piece.high = bounds.high;
    piece.top = slab.stack_base + (slot % wire::kSlotsPerSlab + 1) * pool.stride_bytes;
    if ((piece.low | piece.high | piece.top) % kWord != 0) return false;
    if (pool.canary_bytes != 0 && (pool.guard_bytes == 0 || slab.guards == wire::SlabGuards::kCanaries)) {
        // Where a guard was refused the reserve below the slot is no place to be: the canary stands above it.
        const std::uint64_t usable = std::min<std::uint64_t>(pool.slot_bytes, piece.top - piece.low);
        piece.canary_low = pool.guard_bytes == 0 ? piece.low : piece.top - usable;
    }
    return true;
}

void read_piece(const Target& target, const PageMap& pages, bool grown, const StateImage& state,
                RawStackPiece& piece) {
    const std::uint64_t from = std::max(piece.low, piece.used_low - std::min(piece.used_low, kFreeBytesMax)) &
                               ~(kWord - 1);
    const std::uint64_t until = std::min(piece.high, piece.used_low + kUsedBytesMax) & ~(kWord - 1);
    // Below the slot proper lies its reserve, guarded until the stack grows into it.
    const PoolImage& pool = state.pools[piece.pool];
    std::uint64_t open = piece.low;
    if (!grown && piece.kind == RawStackPiece::Kind::kOwn && pool.guard_bytes != 0 &&
        pool.slot_bytes < piece.top - piece.low)
        open = std::min(piece.used_low, piece.top - pool.slot_bytes) & ~(kWord - 1);
    add_run(piece, RawStackRun::Kind::kGuarded, piece.low, open);
    add_run(piece, RawStackRun::Kind::kNotRead, open, std::max(open, from));
    read_words(target, pages, piece, std::max(open, from), until);
    add_run(piece, RawStackRun::Kind::kNotRead, until, piece.high);
    read_words(target, pages, piece, piece.high, std::min(piece.top, piece.high + kColourBytesMax));
}

// The stacks that the coroutine stands on, innermost first, without their words. Empty: what was read does not fit together.
std::vector<RawStackPiece> pieces_of(const Target& target, const StateImage& state,
                                     const CoroutineImage& coroutine) {
    RawStackPiece own;
    if (!place(state, coroutine.pool, coroutine.slot, own)) return {};
    const std::uint64_t rsp = coroutine.rsp;
    if (rsp % kWord != 0) return {};
    wire::SavedFrame saved{};
    if (target.read_memory(rsp, &saved, sizeof saved) == sizeof saved) own.limit = saved.stack_limit;
    own.used_low = rsp;
    if (rsp >= own.low && rsp < own.high) return {own};
    std::vector<RawStackPiece> pieces;
    if ((coroutine.flags & wire::kCoroutineSegments) != 0) {
        const MemoryReader read = [&target](std::uint64_t address, void* to, std::size_t bytes) {
            return target.read_memory(address, to, bytes) == bytes;
        };
        for (const StackSpan& span : segment_spans(read, state, {own.low, own.high}, rsp, own.limit)) {
            RawStackPiece piece = own;
            if (span.segment) {
                piece.kind = RawStackPiece::Kind::kSegment;
                if (!place(state, span.pool, span.slot, piece)) return {};
                piece.canary_low = 0;  // its lowest words are the header
                piece.high = span.high;
            }
            piece.used_low = span.low;
            piece.limit = span.limit;
            pieces.push_back(std::move(piece));
        }
        return pieces;
    }
    // It resumes another coroutine by hand, and waits on that one's stack.
    const SlotFinder slots(state);
    const auto found = slots.find(rsp);
    RawStackPiece there;
    if (!found.has_value() || !place(state, found->pool, found->slot, there)) return {};
    there.kind = RawStackPiece::Kind::kElsewhere;
    there.used_low = rsp;
    there.limit = own.limit;
    own.limit = 0;
    own.used_low = own.high;  // how much of its own it uses is known to its frames alone
    return {there, own};
}

void lay_out(RawStack& stack, Unwinder& unwinder) {
    const auto bytes_of = [](const RawStackPiece& piece) -> StackBytes {
        for (const RawStackRun& run : piece.runs) {
            if (run.kind != RawStackRun::Kind::kRead || run.low > piece.used_low || run.high <= piece.used_low)
                continue;
            const std::size_t first = run.first_word + (piece.used_low - run.low) / kWord;
            return {piece.used_low, reinterpret_cast<const std::uint8_t*>(&piece.words[first]),
                    std::min(run.high, piece.high) - piece.used_low};
        }
        return {};
    };
    std::vector<StackBytes> parts;
    for (const RawStackPiece& piece : stack.pieces)
        parts.push_back(bytes_of(piece));
    wire::SavedFrame saved{};
    if (parts[0].size < sizeof saved) return;
    std::memcpy(&saved, parts[0].bytes, sizeof saved);
    stack.end = unwinder.layout(CopiedStack(parts[0], parts.data() + 1, parts.size() - 1), stack.rsp, saved,
                                stack.frames);
}

// Where memory cannot be read from outside the agent copies what is in use; the rest stays unread.
base::Status read_by_agent(Target& target, const StateImage& state, const CoroutineImage& coroutine,
                           RawStack& stack) {
    RawStackPiece piece;
    if (!place(state, coroutine.pool, coroutine.slot, piece)) return base::ok_status();
    return target.copy_stacks(state, {coroutine.index}, [&](const Target::StackCopy& copy) {
        stack.consistency = copy.consistency;
        stack.sequence = copy.sequence;
        if (copy.consistency != Consistency::kExact || copy.rsp < piece.low || copy.rsp >= piece.high) return;
        stack.rsp = copy.rsp;
        stack.rip = copy.rip;
        piece.used_low = copy.rsp;
        const std::uint64_t end = std::min(piece.high, copy.rsp + copy.size / kWord * kWord);
        add_run(piece, RawStackRun::Kind::kNotRead, piece.low, copy.rsp);
        add_run(piece, RawStackRun::Kind::kRead, copy.rsp, end);
        piece.words.resize((end - copy.rsp) / kWord);
        std::memcpy(piece.words.data(), copy.bytes, end - copy.rsp);
        add_run(piece, RawStackRun::Kind::kNotRead, end, piece.top);
        stack.pieces.push_back(std::move(piece));
    });
}

}  // namespace

bool RawStackPiece::word(std::uint64_t address, std::uint64_t* to) const {
    for (const RawStackRun& run : runs) {
        if (run.kind != RawStackRun::Kind::kRead || address < run.low || address >= run.high) continue;
        *to = words[run.first_word + (address - run.low) / kWord];
        return true;
    }
    return false;
}

base::Result<RawStack> read_raw_stack(Target& target, Unwinder& unwinder, const StateImage& state,
                                      std::uint64_t identity) {
    const CoroutineImage* known = state.coroutine_of(identity);
    const auto gone = [&] {
        return base::error(base::ErrorCode::kGone, "coroutine " + std::to_string(identity) +
                                                       " has ended: its stack is somebody else's now");
    };
    if (known == nullptr) return gone();
    RawStack stack;
    stack.identity = identity;
    if (target.memory_access() == MemoryAccess::kAgent) {
        if (auto status = read_by_agent(target, state, *known, stack); !status) return status.error();
        if (!stack.pieces.empty()) lay_out(stack, unwinder);
        return stack;
    }
    const PageMap pages(target.pid());
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        CoroutineImage now = *known;
        if (!target.follow(now)) return gone();
        stack.sequence = now.sequence;
        stack.consistency = Consistency::kRunning;
        if ((now.sequence & 1) != 0) continue;
        stack.rsp = now.rsp;
        stack.rip = now.rip;
        stack.pieces = pieces_of(target, state, now);
        std::uint64_t bytes = 0;
        for (RawStackPiece& piece : stack.pieces) {
            if (bytes >= kStackBytesMax) {
                add_run(piece, RawStackRun::Kind::kNotRead, piece.low, piece.top);
                continue;
            }
            read_piece(target, pages, (now.flags & wire::kCoroutineGrown) != 0, state, piece);
            bytes += piece.words.size() * kWord;
        }
        // The copies end before the sequence is looked at again.
        std::atomic_thread_fence(std::memory_order_acquire);
        CoroutineImage after = now;
        stack.consistency = Consistency::kTorn;
        if (!target.follow(after)) return gone();
        if (after.sequence != now.sequence || stack.pieces.empty()) continue;
        stack.consistency = Consistency::kExact;
        RawStackPiece& own = stack.pieces.back();
        if (now.high_water_bytes != 0 && now.high_water_bytes <= own.high - own.low)
            own.high_water_low = own.high - now.high_water_bytes;
        break;
    }
    if (stack.consistency == Consistency::kRunning) stack.pieces.clear();
    if (!stack.pieces.empty()) lay_out(stack, unwinder);
    return stack;
}

}  // namespace coroscope::inspect
