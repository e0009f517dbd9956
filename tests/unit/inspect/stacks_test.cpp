// Copying and unwinding parked stacks of a process that goes on running.
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <chrono>
#include <cstddef>
#include <cstring>
#include <set>
#include <thread>

#include "instrumentation/inspect/cfi_rows.h"
#include "instrumentation/inspect/libunwind_walker.h"
#include "instrumentation/inspect/symbols.h"
#include "instrumentation/inspect/unwinder.h"
#include "tests/unit/inspect/fake_target.h"

namespace coroscope::inspect {
namespace {

using fake::FakeTarget;

// What a test needs of an attached target.
struct Looking {
    explicit Looking(const FakeTarget& fake, bool agent_copies = false) {
        Target::Options options;
        options.force_agent_copies = agent_copies;
        auto attached = Target::attach(fake.pid(), options);
        EXPECT_TRUE(attached.ok()) << attached.error().message;
        target = std::move(*attached);
        modules = std::move(*target->modules());
        state = std::move(*target->read_state());
    }
    std::unique_ptr<Target> target;
    std::vector<Module> modules;
    StateImage state;
};

UnwindStart start_of(const Target::StackCopy& copy) {
    wire::SavedFrame saved;
    std::memcpy(&saved, copy.bytes, sizeof saved);
    UnwindStart start;
    start.pc = saved.return_address;
    start.registers[kRbx] = saved.rbx;
    start.registers[kRbp] = saved.rbp;
    start.registers[kR12] = saved.r12;
    start.registers[kR13] = saved.r13;
    start.registers[kR14] = saved.r14;
    start.registers[kR15] = saved.r15;
    start.registers[kRsp] = copy.rsp + sizeof saved;
    return start;
}

TEST(Stacks, every_parked_stack_ends_at_its_entry_and_rows_agree_with_libunwind) {
    const FakeTarget fake({"--coroutines", "501"});
    Looking at(fake);
    ModuleSet set(at.modules);
    DwflModules dwfl(set);
    CfiRows rows(dwfl);
    LibunwindWalker libunwind(set, nullptr);
    Unwinder unwinder(at.modules, nullptr, at.state.trampoline_address);
    std::size_t compared = 0;
    std::set<std::size_t> depths;
    const auto status = at.target->copy_stacks(at.state, {}, [&](const Target::StackCopy& copy) {
        ASSERT_EQ(copy.consistency, Consistency::kExact);
        EXPECT_EQ(copy.rip, start_of(copy).pc);
        if ((copy.coroutine->flags & wire::kCoroutineNeverRan) != 0 &&
            copy.coroutine->state == wire::CoroutineState::kReady)
            return;
        const CopiedStack stack({copy.rsp, copy.bytes, copy.size}, nullptr, 0);
        std::vector<std::uint64_t> by_rows;
        UnwindStart at_frame = start_of(copy);
        const auto end = rows.walk(stack, at_frame, by_rows);
        std::vector<std::uint64_t> by_libunwind;
        EXPECT_EQ(libunwind.walk(stack, start_of(copy), by_libunwind), UnwindEnd::kEntry);
        if (copy.coroutine->index % fake::kKinds == fake::kOddKind) {
            // Beyond the rows, which say so; together with libunwind it is whole.
            EXPECT_FALSE(end.has_value());
            EXPECT_EQ(unwinder.unwind(copy, by_rows), UnwindEnd::kEntry);
            EXPECT_EQ(by_rows.size(), 4U);  // park, the odd frame, its body, the trampoline
        } else {
            ASSERT_TRUE(end.has_value()) << "coroutine " << copy.coroutine->identity << " is beyond the rows";
            EXPECT_EQ(*end, UnwindEnd::kEntry) << unwind_end_name(*end);
        }
        EXPECT_EQ(by_rows, by_libunwind) << "coroutine " << copy.coroutine->identity;
        depths.insert(by_rows.size());
        ++compared;
    });
    ASSERT_TRUE(status.ok()) << status.error().message;
    EXPECT_EQ(compared, 500U);
    EXPECT_GE(depths.size(), 4U);  // the kinds differ in depth: they were not all cut at the same place
}

TEST(Stacks, names_files_and_inlined_calls_are_those_of_the_source) {
    const FakeTarget fake({"--coroutines", "7"});
    Looking at(fake);
    Unwinder unwinder(at.modules, at.target.get(), at.state.trampoline_address);
    Symbolizer symbols(at.modules);
    StackTable table;
    const StackSnapshot snapshot = snapshot_stacks(*at.target, unwinder, at.state, table, nullptr, nullptr,
                                                   nullptr);
    ASSERT_EQ(snapshot.stacks.size(), 7U);
    EXPECT_EQ(snapshot.failed, 0U);
    const auto names_of = [&](std::uint32_t number) {
        std::vector<std::string> names;
        for (const Frame& frame :
             symbols.frames(table.pcs(snapshot.find(fake::kIdentityFirst + number)->stack))) {
            names.push_back(frame.function.substr(0, frame.function.find('(')) +
                            (frame.inlined ? " inlined" : ""));
        }
        return names;
    };
    using Names = std::vector<std::string>;
    const auto frames = symbols.frames(table.pcs(snapshot.find(fake::kIdentityFirst)->stack));
    ASSERT_GE(frames.size(), 9U);
    const auto has = [&](std::size_t i, const char* name, bool inlined) {
        EXPECT_NE(frames[i].function.find(name), std::string::npos) << i << ": " << frames[i].function;
        EXPECT_EQ(frames[i].inlined, inlined) << i << ": " << frames[i].function;
        if (frames[i].file.size() != 0) {
            EXPECT_GT(frames[i].line, 0U);
        }
    };
    has(0, "park", false);
    has(1, "inlined_inner", true);
    has(2, "inlined_outer", true);
    has(3, "compare_and_park", false);
    EXPECT_NE(frames[0].file.find("fake_target.cpp"), std::string::npos);
    EXPECT_EQ(frames[1].pc, frames[3].pc);
    EXPECT_LT(frames[1].line, frames[2].line);  // where inner parks, and where outer calls inner, further down
    bool through_libc = false;
    bool derived = false;
    for (const Frame& frame : frames) {
        through_libc = through_libc || (frame.module.find("libc.so") != std::string::npos &&
                                        frame.function.find("sort") != std::string::npos);
        derived = derived || frame.function.find("(anonymous namespace)::Derived::go") != std::string::npos;
    }
    EXPECT_TRUE(through_libc);
    EXPECT_TRUE(derived);
    EXPECT_NE(frames[frames.size() - 2].function.find("body_deep"), std::string::npos);
    EXPECT_EQ(frames.back().function, "fake_trampoline");
    // The last one never ran.
    EXPECT_EQ(names_of(6), (Names{"fake_trampoline"}));
    EXPECT_EQ(snapshot.find(1), nullptr);
}

// Copies under load: those called exact are of one moment. To show that this is the check's doing, the same
// memory is also read without it.
TEST(Stacks, torn_copies_are_never_called_exact) {
    const FakeTarget fake({"--coroutines", "51", "--churn"});
    Looking at(fake);
    std::vector<std::uint32_t> stamped;
    for (std::uint32_t i = fake::kStampedKind; i < 50; i += fake::kKinds)
        stamped.push_back(i);
    const auto block_is_equal = [](const std::uint8_t* bytes, std::size_t size, bool* found) {
        *found = false;
        std::vector<std::uint64_t> words(size / 8);
        std::memcpy(words.data(), bytes, words.size() * 8);
        for (std::size_t i = 0; i + fake::kBlockWords + 2 <= words.size(); ++i) {
            if (words[i] != fake::kBlockMagic) continue;
            *found = true;
            for (std::uint32_t k = 1; k < fake::kBlockWords; ++k) {
                if (words[i + 2 + k] != words[i + 2]) return false;
            }
            return true;
        }
        return true;
    };
    std::size_t exact = 0, broken = 0, labelled = 0, naive = 0, naive_broken = 0;
    using Clock = std::chrono::steady_clock;
    const auto end = Clock::now() + std::chrono::seconds(20);
    while ((exact < 20000 || naive_broken < 10) && Clock::now() < end) {
        const auto status = at.target->copy_stacks(at.state, stamped, [&](const Target::StackCopy& copy) {
            bool found = false;
            if (copy.consistency != Consistency::kExact) {
                ++labelled;
                EXPECT_EQ(copy.size, 0U);
            } else {
                ++exact;
                if (!block_is_equal(copy.bytes, copy.size, &found)) ++broken;
                EXPECT_TRUE(found);
            }
        });
        ASSERT_TRUE(status.ok());
        for (const std::uint32_t index : stamped) {
            const wire::StackBounds bounds = at.state.stack_of(*at.state.coroutine_at(index));
            std::uint8_t bytes[4096];
            if (at.target->read_memory(bounds.high - sizeof bytes, bytes, sizeof bytes) != sizeof bytes)
                continue;
            bool found = false;
            ++naive;
            if (!block_is_equal(bytes, sizeof bytes, &found)) ++naive_broken;
        }
    }
    std::printf("exact %zu, broken %zu, labelled torn or running %zu; without the check: %zu, broken %zu\n",
                exact, broken, labelled, naive, naive_broken);
    EXPECT_GT(exact, 1000U);
    EXPECT_EQ(broken, 0U);
    EXPECT_GT(labelled, 0U);
    EXPECT_GT(naive_broken, 0U);
}

TEST(Stacks, agent_copies_are_the_same) {
    const FakeTarget fake({"--coroutines", "1201"});  // more than two requests
    Looking direct(fake);
    Looking by_agent(fake, true);
    EXPECT_EQ(by_agent.target->memory_access(), MemoryAccess::kAgent);
    std::vector<std::vector<std::uint8_t>> expected(1201);
    ASSERT_TRUE(direct.target
                    ->copy_stacks(direct.state, {},
                                  [&](const Target::StackCopy& copy) {
                                      expected[copy.coroutine->index].assign(copy.bytes,
                                                                             copy.bytes + copy.size);
                                  })
                    .ok());
    std::size_t compared = 0;
    const auto status = by_agent.target->copy_stacks(by_agent.state, {}, [&](const Target::StackCopy& copy) {
        ASSERT_EQ(copy.consistency, Consistency::kExact);
        const std::vector<std::uint8_t> bytes(copy.bytes, copy.bytes + copy.size);
        ASSERT_EQ(bytes, expected[copy.coroutine->index]);
        ++compared;
    });
    ASSERT_TRUE(status.ok()) << status.error().message;
    EXPECT_EQ(compared, 1201U);
}

// As in a container whose filter forbids process_vm_readv (and as under Yama): the filter is on one thread,
// which ends.
TEST(Stacks, where_reading_memory_is_refused_the_agent_copies) {
    const FakeTarget fake({"--coroutines", "101"});
    std::string failure;
    std::size_t exact = 0;
    MemoryAccess access = MemoryAccess::kProcessVm;
    std::thread viewer([&] {
        sock_filter rules[] = {
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 0, 1),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        const sock_fprog program{4, rules};
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
            prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
            failure = "no filter";
            return;
        }
        auto target = Target::attach(fake.pid(), {});
        if (!target) {
            failure = target.error().message;
            return;
        }
        access = (*target)->memory_access();
        const auto state = (*target)->read_state();
        const auto modules = (*target)->modules();
        Unwinder unwinder(*modules, target->get(), state->trampoline_address);
        StackTable table;
        const StackSnapshot snapshot = snapshot_stacks(**target, unwinder, *state, table, nullptr, nullptr,
                                                       nullptr);
        for (const StackRef& ref : snapshot.stacks)
            exact += ref.end == UnwindEnd::kEntry ? 1 : 0;
    });
    viewer.join();
    EXPECT_EQ(failure, "");
    EXPECT_EQ(access, MemoryAccess::kAgent);
    EXPECT_EQ(exact, 101U);
}

TEST(Stacks, a_second_snapshot_copies_only_what_has_moved) {
    const FakeTarget fake({"--coroutines", "3001"});
    Looking at(fake);
    Unwinder unwinder(at.modules, at.target.get(), at.state.trampoline_address);
    StackTable table;
    std::atomic<int> progress{0};
    const StackSnapshot first = snapshot_stacks(*at.target, unwinder, at.state, table, nullptr, &progress,
                                                nullptr);
    EXPECT_EQ(progress.load(), 1000);
    EXPECT_EQ(first.stacks.size(), 3001U);
    EXPECT_EQ(first.failed + first.torn + first.running, 0U);
    const std::size_t distinct = table.size();
    EXPECT_LT(distinct, 40U);  // look-alikes are one
    // A target that no longer answers: whatever is in the second snapshot came out of the first.
    kill(static_cast<pid_t>(fake.pid()), SIGKILL);
    while (at.target->alive())
        std::this_thread::yield();
    const StackSnapshot second = snapshot_stacks(*at.target, unwinder, at.state, table, &first, nullptr,
                                                 nullptr);
    ASSERT_EQ(second.stacks.size(), first.stacks.size());
    for (std::size_t i = 0; i < first.stacks.size(); ++i) {
        ASSERT_EQ(second.stacks[i].stack, first.stacks[i].stack);
        ASSERT_EQ(second.stacks[i].end, UnwindEnd::kEntry);
    }
    EXPECT_EQ(table.size(), distinct);
    // One whose record has moved on is not taken over.
    StateImage moved = at.state;
    moved.coroutines[7].sequence += 2;
    const StackSnapshot third = snapshot_stacks(*at.target, unwinder, moved, table, &second, nullptr, nullptr);
    EXPECT_EQ(third.find(moved.coroutines[7].identity)->end, UnwindEnd::kNotUnwound);
    EXPECT_EQ(third.torn, 1U);
}

TEST(Stacks, a_snapshot_that_follows_makes_record_and_stack_of_one_moment) {
    const FakeTarget fake({"--coroutines", "601", "--churn"});
    Looking at(fake);
    Unwinder unwinder(at.modules, at.target.get(), at.state.trampoline_address);
    StackTable table;
    std::size_t moved = 0, exact = 0;
    for (int round = 0; round < 20; ++round) {
        StateImage state = std::move(*at.target->read_state());
        const StateImage before = state;
        const StackSnapshot snapshot = snapshot_stacks_and_follow(*at.target, unwinder, state, table, nullptr,
                                                                  nullptr, nullptr);
        for (std::size_t i = 0; i < state.coroutines.size(); ++i) {
            const CoroutineImage& coroutine = state.coroutines[i];
            moved += coroutine.sequence != before.coroutines[i].sequence ? 1 : 0;
            const StackRef* ref = snapshot.find(coroutine.identity);
            ASSERT_NE(ref, nullptr);
            if (ref->consistency != Consistency::kExact) continue;
            ++exact;
            EXPECT_EQ(ref->sequence, coroutine.sequence);
            EXPECT_EQ(ref->end, UnwindEnd::kEntry);
        }
        EXPECT_GE(state.read_end_ticks, before.read_end_ticks);
    }
    EXPECT_GT(moved, 100U);               // a hundred of them never rest
    EXPECT_GE(exact, 20U * (601 - 101));  // the others always do
}

TEST(Stacks, a_cancelled_snapshot_says_what_it_left_out) {
    const FakeTarget fake({"--coroutines", "101"});
    Looking at(fake);
    Unwinder unwinder(at.modules, at.target.get(), at.state.trampoline_address);
    StackTable table;
    const std::atomic<bool> cancel{true};
    const StackSnapshot snapshot = snapshot_stacks(*at.target, unwinder, at.state, table, nullptr, nullptr,
                                                   &cancel);
    EXPECT_EQ(snapshot.torn, 101U);
    const StackSnapshot next = snapshot_stacks(*at.target, unwinder, at.state, table, &snapshot, nullptr,
                                               nullptr);
    EXPECT_EQ(next.torn, 0U);  // nothing that was left out is reused
}

TEST(Stacks, broken_stacks_end_with_a_reason) {
    const FakeTarget fake({"--coroutines", "6"});
    Looking at(fake);
    Unwinder unwinder(at.modules, nullptr, at.state.trampoline_address);
    std::vector<std::uint64_t> pcs;
    const auto status = at.target->copy_stacks(at.state, {0}, [&](const Target::StackCopy& copy) {
        std::vector<std::uint8_t> bytes(copy.bytes, copy.bytes + copy.size);
        Target::StackCopy damaged = copy;
        damaged.bytes = bytes.data();
        ASSERT_EQ(unwinder.unwind(damaged, pcs), UnwindEnd::kEntry);
        const std::size_t whole = pcs.size();
        // Cut at every word: never more frames than before, never a fault.
        for (std::size_t size = 0; size < bytes.size(); size += 8) {
            damaged.size = size;
            const UnwindEnd end = unwinder.unwind(damaged, pcs);
            EXPECT_LE(pcs.size(), whole);
            if (size < sizeof(wire::SavedFrame)) {
                EXPECT_EQ(end, UnwindEnd::kNotUnwound);
            }
        }
        damaged.size = bytes.size();
        // Every word in turn replaced by nonsense: an end, and at most kFramesMax frames.
        for (std::size_t word = 0; word + 8 <= bytes.size(); word += 8) {
            std::uint64_t saved = 0;
            std::memcpy(&saved, &bytes[word], 8);
            for (const std::uint64_t nonsense :
                 {0ULL, ~0ULL, 1ULL, static_cast<unsigned long long>(copy.rsp)}) {
                std::memcpy(&bytes[word], &nonsense, 8);
                unwinder.unwind(damaged, pcs);
                EXPECT_LE(pcs.size(), std::size_t{kFramesMax});
            }
            std::memcpy(&bytes[word], &saved, 8);
        }
        const std::uint64_t nowhere = 0x1000;
        std::memcpy(&bytes[offsetof(wire::SavedFrame, return_address)], &nowhere, 8);
        EXPECT_EQ(unwinder.unwind(damaged, pcs), UnwindEnd::kNoRule);
        EXPECT_EQ(pcs.size(), 1U);
    });
    ASSERT_TRUE(status.ok());
}

TEST(Stacks, a_segment_that_lies_about_where_stacks_are_reads_nothing) {
    const FakeTarget fake({"--coroutines", "6"});
    Looking at(fake);
    at.state.pools[0].slabs[0].stack_base = 0x1000;
    at.state.index();
    const auto status = at.target->copy_stacks(at.state, {}, [&](const Target::StackCopy& copy) {
        EXPECT_EQ(copy.consistency, Consistency::kTorn);
        EXPECT_EQ(copy.size, 0U);
    });
    EXPECT_TRUE(status.ok());
}

}  // namespace
}  // namespace coroscope::inspect
