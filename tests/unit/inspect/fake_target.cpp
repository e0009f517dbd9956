// A program that looks like a CPrime target and is none: its segment, its rings and its agent come from emit,
// but its coroutines are made by hand, so that inspect can be tested without a scheduler, and against stacks
// whose every frame is known.
//
//   inspect_fake_target [--coroutines N] [--churn] [--seconds N]
//
// Prints "ready" once all coroutines are parked, and stays until its standard input is closed. With --churn a
// thread resumes the coroutines of kind `stamped` without pause: each keeps a block of equal words on its
// stack that is only equal while it is parked.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <ostream>
#include <streambuf>
#include <string>
#include <thread>
#include <vector>

#include "instrumentation/emit/agent.h"
#include "instrumentation/emit/ring_writer.h"
#include "instrumentation/emit/state_segment.h"
#include "instrumentation/wire/channel.h"
#include "instrumentation/wire/coroutine.h"
#include "instrumentation/wire/pool.h"
#include "instrumentation/wire/site.h"
#include "instrumentation/wire/worker.h"
#include "tests/unit/inspect/fake_facts.h"

namespace emit = coroscope::emit;
namespace wire = coroscope::wire;
using coroscope::inspect::fake::kBlockMagic;
using coroscope::inspect::fake::kBlockWords;
using coroscope::inspect::fake::kIdentityFirst;
using coroscope::inspect::fake::kKinds;
using coroscope::inspect::fake::kStampedKind;

extern "C" {
void fake_switch(void** save_rsp, void* to_rsp);
void fake_trampoline();
void fake_trampoline_start();
void fake_odd_frame(void (*park)());
}
asm(R"(
    .text
    .globl  fake_switch
    .type   fake_switch, @function
fake_switch:
    .cfi_startproc
    pushq   %rbp
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbp, 0
    pushq   %rbx
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbx, 0
    pushq   %r12
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r12, 0
    pushq   %r13
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r13, 0
    pushq   %r14
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r14, 0
    pushq   %r15
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r15, 0
    pushq   $0                      # these stacks have no limit
    .cfi_adjust_cfa_offset 8
    movq    %rsp, (%rdi)
    movq    %rsi, %rsp
    addq    $8, %rsp
    .cfi_adjust_cfa_offset -8
    popq    %r15
    .cfi_adjust_cfa_offset -8
    popq    %r14
    .cfi_adjust_cfa_offset -8
    popq    %r13
    .cfi_adjust_cfa_offset -8
    popq    %r12
    .cfi_adjust_cfa_offset -8
    popq    %rbx
    .cfi_adjust_cfa_offset -8
    popq    %rbp
    .cfi_adjust_cfa_offset -8
    ret
    .cfi_endproc
    .size   fake_switch, . - fake_switch

    .globl  fake_trampoline
    .type   fake_trampoline, @function
fake_trampoline:
    .cfi_startproc
    .cfi_undefined %rip
    nop
    .globl  fake_trampoline_start
fake_trampoline_start:
    movq    %r12, %rdi
    call    *%rbx
    ud2
    .cfi_endproc
    .size   fake_trampoline, . - fake_trampoline

    .globl  fake_odd_frame
    .type   fake_odd_frame, @function
fake_odd_frame:
    .cfi_startproc
    subq    $8, %rsp
    .cfi_escape 0x0f, 0x04, 0x77, 0x10, 0x30, 0x22      # CFA = (rsp + 16) + 0, as an expression
    call    *%rdi
    addq    $8, %rsp
    .cfi_def_cfa %rsp, 8
    ret
    .cfi_endproc
    .size   fake_odd_frame, . - fake_odd_frame
)");

namespace {

struct Context {
    void* rsp = nullptr;
    void* home_rsp = nullptr;  // of whoever resumed it
    std::uint32_t number = 0;
};
thread_local Context* current = nullptr;

__attribute__((noinline)) Context* running() {
    Context* context = current;
    asm volatile("" ::: "memory");
    return context;
}

volatile std::uint64_t sink = 0;

// Parks the running coroutine. Nothing follows the switch in here but the return, and it is no tail call.
__attribute__((noinline)) void park() {
    Context* context = running();
    fake_switch(&context->rsp, context->home_rsp);
    asm volatile("" ::: "memory");
}

// --- what coroutines stand in: one of each thing that makes unwinding and symbolising hard

__attribute__((always_inline)) inline int inlined_inner(int value) {
    if ((value & 1) != 0) park();
    return value * 3;
}
__attribute__((always_inline)) inline int inlined_outer(int value) {
    const int result = inlined_inner(value | 1);
    sink = sink + static_cast<std::uint64_t>(result);
    return result + 1;
}

int compare_and_park(const void* a, const void* b) {
    const int x = *static_cast<const int*>(a);
    const int y = *static_cast<const int*>(b);
    if (x == 3 || y == 3) inlined_outer(x);
    return x - y;
}
// Through libc, which has no debug information here.
__attribute__((noinline)) int in_qsort(int depth) {
    int values[8] = {5, 3, 8, 1, 9, 2, 7, 4};
    qsort(values, 8, sizeof(int), compare_and_park);
    return values[depth & 7] + 1;
}
// A frame of variable size: the CFA is based on rbp.
__attribute__((noinline)) int with_alloca(int depth) {
    auto* bytes = static_cast<char*>(alloca(64 + static_cast<std::size_t>(depth & 7) * 16));
    std::memset(bytes, depth, 64);
    const int result = in_qsort(bytes[3]);
    return result + bytes[7];
}
struct Base {
    virtual ~Base() = default;
    virtual int go(int depth) = 0;
};
struct Derived : Base {
    int one = 1;
    __attribute__((noinline)) int go(int depth) override {
        std::string text = "x";
        text += std::to_string(depth);
        const int result = with_alloca(depth) + one;
        return result + static_cast<int>(text.size());
    }
};
__attribute__((noinline)) int recurse(Base* base, int depth) {
    if (depth <= 0) return base->go(depth) + 1;
    const int result = recurse(base, depth - 1) + 2;
    sink = sink + static_cast<std::uint64_t>(result);
    return result;
}
// Out of libstdc++ into a virtual function and back.
struct ParkingBuffer : std::streambuf {
    int overflow(int character) override {
        park();
        return character;
    }
    std::streamsize xsputn(const char*, std::streamsize count) override {
        park();
        return count;
    }
};
__attribute__((noinline)) void in_stream(int number) {
    ParkingBuffer buffer;
    std::ostream stream(&buffer);
    stream << "hello " << number << ' ' << 3.25;
}
// A frame that is aligned to 64 bytes: the CFA is a word in memory (DW_CFA_def_cfa_expression).
__attribute__((noinline)) void realigned(int number) {
    alignas(64) volatile std::uint64_t line[8] = {};
    line[number & 7] = 1;
    park();
    sink = sink + line[1];
}
// Equal while it is parked, different while it runs.
__attribute__((noinline)) void stamped(std::uint64_t number) {
    [[maybe_unused]] volatile std::uint64_t block[kBlockWords + 2];
    block[0] = kBlockMagic;
    block[1] = number;
    for (std::uint64_t round = 1;; ++round) {
        for (std::uint32_t i = 2; i < kBlockWords + 2; ++i)
            block[i] = round;
        park();
    }
}

__attribute__((noinline)) void body_deep(Context* context) {
    Derived derived;
    for (;;)
        sink = sink + static_cast<std::uint64_t>(recurse(&derived, static_cast<int>(context->number % 4)));
}
__attribute__((noinline)) void body_stream(Context* context) {
    for (;;)
        in_stream(static_cast<int>(context->number));
}
__attribute__((noinline)) void body_leaf(Context*) {
    for (;;) {
        park();
        sink = sink + 1;
    }
}
__attribute__((noinline)) void body_realigned(Context* context) {
    for (;;)
        realigned(static_cast<int>(context->number));
}
__attribute__((noinline)) void body_stamped(Context* context) {
    stamped(context->number);
}
__attribute__((noinline)) void body_odd(Context*) {
    for (;;) {
        fake_odd_frame(park);
        sink = sink + 1;
    }
}
using Body = void (*)(Context*);
constexpr Body kBodies[kKinds] = {body_deep, body_stream, body_leaf, body_realigned, body_stamped, body_odd};

// --- the segment

constexpr std::uint64_t kStride = 20 << 10;
constexpr std::uint64_t kGuard = 4 << 10;

class FakeTarget {
public:
    explicit FakeTarget(std::uint32_t count) : contexts_(count) {
        state_ = std::move(emit::StateSegment::create({}).value());
        rings_ = std::move(emit::RingSegment::create(state_->header().segment_nonce, true).value());
        wire::SegmentHeader& header = state_->header();
        header.saved_frame_layout = wire::kSavedFrameLayout;
        header.park_address = reinterpret_cast<std::uint64_t>(&fake_switch);
        header.trampoline_address = reinterpret_cast<std::uint64_t>(&fake_trampoline_start);
        make_names();
        make_pool(count);
        make_coroutines(count);
        make_channel();
        header.lifecycle.store(static_cast<std::uint32_t>(wire::Lifecycle::kRunning),
                               std::memory_order_release);
        emit::AgentOptions options;
        options.state = state_.get();
        options.rings = rings_.get();
        agent_ = std::move(emit::Agent::start(options).value());
    }

    // Lets one coroutine run until it parks, keeping the promises of wire/coroutine.h.
    void resume(std::uint32_t index) {
        wire::CoroutineRecord& record = records()[index];
        record.sequence.fetch_add(1, std::memory_order_acq_rel);
        record.state.store(wire::CoroutineState::kRunning, std::memory_order_relaxed);
        Context& context = contexts_[index];
        current = &context;
        fake_switch(&context.home_rsp, context.rsp);
        current = nullptr;
        const auto rsp = reinterpret_cast<std::uint64_t>(context.rsp);
        wire::SavedFrame saved;
        std::memcpy(&saved, context.rsp, sizeof saved);
        record.rsp.store(rsp, std::memory_order_relaxed);
        record.rip.store(saved.return_address, std::memory_order_relaxed);
        record.state.store(wire::CoroutineState::kParked, std::memory_order_relaxed);
        record.reason.store(wire::WaitReason::kSuspended, std::memory_order_relaxed);
        record.sequence.fetch_add(1, std::memory_order_release);
    }
    void resume_all() {
        for (std::uint32_t i = 0; i + 1 < contexts_.size(); ++i)
            resume(i);  // the last one never runs
    }
    // Runs the stamped ones round and round.
    void churn(const std::atomic<bool>& stop) {
        while (!stop.load(std::memory_order_relaxed)) {
            for (std::uint32_t i = kStampedKind; i + 1 < contexts_.size(); i += kKinds)
                resume(i);
        }
    }
    void emit_events(std::uint32_t count) {
        emit::RingWriter* writer = emit::thread_writer();
        for (std::uint32_t i = 0; i < count; ++i) {
            emit::write_event(writer, 0, wire::EventType::kWorkerPark, wire::make_word1(i, 0));
        }
    }
    emit::Agent& agent() { return *agent_; }

private:
    wire::CoroutineRecord* records() {
        return state_->records<wire::CoroutineRecord>(wire::SectionKind::kCoroutines);
    }

    void make_names() {
        for (std::uint32_t kind = 0; kind < kKinds; ++kind) {
            const std::uint32_t site = state_->allocate_records(wire::SectionKind::kSites, 1);
            auto& record = state_->records<wire::SiteRecord>(wire::SectionKind::kSites)[site];
            record.file = state_->intern("fake_target.cpp");
            record.function = state_->intern("main");
            record.name = state_->intern("kind-" + std::to_string(kind));
            record.line = 100 + kind;
            record.size_class.store(wire::SizeClass::kMedium);
            record.entry_address = reinterpret_cast<std::uint64_t>(kBodies[kind]);
        }
        const std::uint32_t worker = state_->allocate_records(wire::SectionKind::kWorkers, 1);
        auto& record = state_->records<wire::WorkerRecord>(wire::SectionKind::kWorkers)[worker];
        record.thread_id.store(static_cast<std::uint32_t>(gettid()));
        record.state.store(wire::WorkerState::kScheduling);
        record.current.store(wire::kNone);
        record.histogram_switch = wire::kNone;
        state_->header().workers_count.store(1);
    }
    void make_pool(std::uint32_t count) {
        const std::uint32_t pool = state_->allocate_records(wire::SectionKind::kPools, 1);
        auto& record = state_->records<wire::PoolRecord>(wire::SectionKind::kPools)[pool];
        record.size_class = wire::SizeClass::kMedium;
        record.slot_bytes = kStride - kGuard;
        record.stride_bytes = kStride;
        record.guard_bytes = kGuard;
        record.colour_steps = 16;
        record.name = state_->intern("medium");
        const std::uint32_t slabs = (count + wire::kSlotsPerSlab - 1) / wire::kSlotsPerSlab;
        const auto kind = wire::SectionKind::kSlabsFirst;
        const std::uint32_t first = state_->allocate_records(kind, slabs);
        for (std::uint32_t s = 0; s < slabs; ++s) {
            auto& slab = state_->records<wire::SlabRecord>(kind)[first + s];
            const std::uint64_t bytes = kStride * wire::kSlotsPerSlab;
            void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
            if (memory == MAP_FAILED) std::abort();
            slab.stack_base = reinterpret_cast<std::uint64_t>(memory);
            slab.stack_bytes = bytes;
            for (std::uint32_t slot = s * wire::kSlotsPerSlab;
                 slot < std::min(count, (s + 1) * wire::kSlotsPerSlab); ++slot) {
                slab.owned[slot % wire::kSlotsPerSlab / 64].fetch_or(1ULL << (slot % 64));
            }
        }
    }
    void make_coroutines(std::uint32_t count) {
        const std::uint32_t first = state_->allocate_records(wire::SectionKind::kCoroutines, count);
        const std::uint32_t detail = state_->allocate_records(wire::SectionKind::kCoroutineDetails, count);
        if (first != 0 || detail != 0) std::abort();
        auto* details = state_->records<wire::CoroutineDetail>(wire::SectionKind::kCoroutineDetails);
        const auto& pool = state_->records<wire::PoolRecord>(wire::SectionKind::kPools)[0];
        const auto* slabs = state_->records<wire::SlabRecord>(wire::SectionKind::kSlabsFirst);
        for (std::uint32_t i = 0; i < count; ++i) {
            contexts_[i].number = i;
            const auto bounds = wire::stack_bounds(pool, slabs[i / wire::kSlotsPerSlab].stack_base, i);
            auto* frame = reinterpret_cast<wire::SavedFrame*>(bounds.high - 16) -
                          1;  // the trampoline runs at high - 16
            *frame = {};
            frame->rbx = reinterpret_cast<std::uint64_t>(kBodies[i % kKinds]);
            frame->r12 = reinterpret_cast<std::uint64_t>(&contexts_[i]);
            frame->return_address = reinterpret_cast<std::uint64_t>(&fake_trampoline_start);
            contexts_[i].rsp = frame;
            details[i].identity.store(kIdentityFirst + i);
            details[i].site.store(i % kKinds);
            details[i].name.store(wire::kNone);
            wire::CoroutineRecord& record = records()[i];
            record.slot = i;
            record.rsp.store(reinterpret_cast<std::uint64_t>(frame));
            record.rip.store(frame->return_address);
            record.next.store(wire::kNone);
            record.wait_object.store(wire::kNone);
            record.flags.store(wire::kCoroutineNeverRan);
            record.state.store(wire::CoroutineState::kReady, std::memory_order_release);
            record.sequence.store(2, std::memory_order_release);
        }
    }
    void make_channel() {
        const std::uint32_t totals = state_->allocate_records(wire::SectionKind::kChannelTotals, 1);
        const std::uint32_t index = state_->allocate_records(wire::SectionKind::kChannels, 1);
        auto& channel = state_->records<wire::ChannelRecord>(wire::SectionKind::kChannels)[index];
        channel.capacity = 4;
        channel.length.store(1);
        channel.sent.store(7);
        channel.received.store(6);
        channel.name = state_->intern("numbers");
        channel.totals = totals;
        channel.identity.store(77);
        channel.flags.store(wire::kChannelLive, std::memory_order_release);
    }

    std::unique_ptr<emit::StateSegment> state_;
    std::unique_ptr<emit::RingSegment> rings_;
    std::unique_ptr<emit::Agent> agent_;
    std::vector<Context> contexts_;
};

}  // namespace

int main(int argc, char** argv) {
    std::uint32_t count = 1000;
    bool churns = false;
    for (int i = 1; i < argc; ++i) {
        if (std::strcmp(argv[i], "--coroutines") == 0 && i + 1 < argc)
            count = static_cast<std::uint32_t>(std::atoi(argv[++i]));
        if (std::strcmp(argv[i], "--churn") == 0) churns = true;
    }
    FakeTarget target(count);
    target.resume_all();
    std::printf("ready\n");
    std::fflush(stdout);
    std::atomic<bool> stop{false};
    std::thread worker;
    if (churns) worker = std::thread([&] { target.churn(stop); });
    // Commands, a byte each: 'e' emits 1000 events, 'a' announces the end; the end of the input ends it.
    for (int command = std::getchar(); command != EOF; command = std::getchar()) {
        if (command == 'e') target.emit_events(1000);
        if (command == 'a') target.agent().announce_end();
        std::printf("done\n");
        std::fflush(stdout);
    }
    stop.store(true);
    if (worker.joinable()) worker.join();
    target.agent().shutdown();
    return 0;
}
