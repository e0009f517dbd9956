// Cores: what is in them comes out, and nothing that is wrong with them does any harm.
#include "instrumentation/inspect/core_file.h"

#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "instrumentation/inspect/core_modules.h"
#include "instrumentation/inspect/core_stacks.h"
#include "instrumentation/inspect/core_state.h"
#include "tests/unit/inspect/core_builder.h"

namespace coroscope::inspect {
namespace {

using testing::CoreBuilder;
using testing::kProgramAddress;
using testing::kSegmentAddress;
using testing::kStacksAddress;
using testing::make_memfd;
using testing::sample_core;

// A core in memory, with a name.
struct File {
    explicit File(const std::vector<std::uint8_t>& bytes) : fd(make_memfd(bytes)) {}
    std::string path() const { return "/proc/self/fd/" + std::to_string(fd.get()); }
    base::FileDescriptor fd;
};

// Everything that is done with a core; the sentence of what was wrong first, "" = nothing.
std::string look_at(const std::vector<std::uint8_t>& bytes) {
    const File file(bytes);
    const auto core = CoreFile::open(file.path());
    if (!core) return core.error().message;
    auto state = open_core_state(**core);
    if (!state) return state.error().message;
    const auto image = state->reader.read();
    if (!image) return image.error().message;
    const auto modules = modules_of_core(**core, "");
    if (!modules) return modules.error().message;
    Unwinder unwinder(modules->modules, nullptr, image->trampoline_address);
    StackTable table;
    const CoreStacks stacks = snapshot_core_stacks(**core, unwinder, *image, table);
    EXPECT_EQ(stacks.snapshot.stacks.size(), image->coroutines.size());
    return "";
}

void expect_sentence(const std::string& message, const std::string& about) {
    EXPECT_NE(message.find(about), std::string::npos) << message;
    EXPECT_NE(message.find("/proc/self/fd/"), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
}

TEST(CoreFile, says_who_died_of_what) {
    const File file(sample_core().bytes());
    const auto core = CoreFile::open(file.path());
    ASSERT_TRUE(core.ok()) << core.error().message;
    EXPECT_EQ((*core)->pid(), 4711U);
    EXPECT_EQ((*core)->command_line(), "built-by-hand --fast");
    EXPECT_EQ((*core)->signal(), SIGSEGV);
    EXPECT_TRUE((*core)->has_fault_address());
    EXPECT_EQ((*core)->fault_address(), 0x10U);
    EXPECT_EQ((*core)->cut_off_bytes(), 0U);
    ASSERT_EQ((*core)->threads().size(), 2U);
    EXPECT_EQ((*core)->threads()[0].thread_id, 4712U);
    EXPECT_EQ((*core)->threads()[0].rip, 0x400200U);
    EXPECT_EQ((*core)->thread(4711)->rip, 0x400300U);
    EXPECT_EQ((*core)->thread(1), nullptr);
    ASSERT_EQ((*core)->mappings().size(), 2U);
    EXPECT_EQ((*core)->mappings()[1].path, "/memfd:coroscope-state");
}

TEST(CoreFile, a_program_that_was_stopped_and_saved_has_not_died) {
    CoreBuilder built;
    built.add_thread(1, {}, SIGSTOP);
    built.add_signal(SIGSTOP, SI_USER, 0);
    const File file(built.bytes());
    EXPECT_EQ((*CoreFile::open(file.path()))->signal(), 0);
}

TEST(CoreFile, a_signal_that_was_sent_names_its_sender) {
    CoreBuilder built;
    built.add_thread(1, {}, SIGABRT);
    built.add_signal(SIGABRT, SI_USER, 4242);  // the sender lies where a fault has its address
    const File file(built.bytes());
    const auto core = CoreFile::open(file.path());
    EXPECT_EQ((*core)->signal(), SIGABRT);
    EXPECT_TRUE((*core)->signal_was_sent());
    EXPECT_EQ((*core)->sender_pid(), 4242U);
    EXPECT_FALSE((*core)->has_fault_address());
}

TEST(CoreFile, reads_memory_over_neighbouring_mappings_and_not_beyond_what_was_dumped) {
    CoreBuilder built;
    built.add_thread(1, {});
    built.add_memory(0x10000, std::vector<std::uint8_t>(4096, 1));
    built.add_memory(0x11000, std::vector<std::uint8_t>(4096, 2), PF_R, 1000);
    built.add_memory(0x20000, std::vector<std::uint8_t>(4096, 3));
    const File file(built.bytes());
    const auto core = CoreFile::open(file.path());
    ASSERT_TRUE(core.ok()) << core.error().message;
    std::uint8_t bytes[8192];
    EXPECT_EQ((*core)->read(0x10ffe, bytes, 4), 4U);
    EXPECT_EQ(bytes[1], 1);
    EXPECT_EQ(bytes[2], 2);
    EXPECT_EQ((*core)->read(0x10000, bytes, sizeof bytes), 4096U + 1000U);
    EXPECT_EQ((*core)->read(0xffff, bytes, 1), 0U);
    EXPECT_EQ((*core)->read(0x11000 + 1000, bytes, 1), 0U);
    EXPECT_EQ((*core)->read(~0ULL, bytes, 8), 0U);
    EXPECT_TRUE((*core)->holds(0x10000, 4096 + 1000));
    EXPECT_FALSE((*core)->holds(0x10000, 4096 + 1001));
    EXPECT_EQ((*core)->next_data(0, ~0ULL), 0x10000U);
    EXPECT_EQ((*core)->next_data(0x11000 + 1000, ~0ULL), 0x20000U);
    EXPECT_EQ((*core)->next_data(0x21000, 0x30000), 0x30000U);
}

TEST(CoreFile, state_and_stacks_come_out_of_it) {
    const File file(sample_core().bytes());
    const auto core = CoreFile::open(file.path());
    ASSERT_TRUE(core.ok()) << core.error().message;
    auto state = open_core_state(**core);
    ASSERT_TRUE(state.ok()) << state.error().message;
    EXPECT_EQ(state->missing_bytes, 0U);
    const auto image = state->reader.read();
    ASSERT_TRUE(image.ok()) << image.error().message;
    ASSERT_EQ(image->coroutines.size(), 4U);
    EXPECT_EQ(running_on(*image, (*core)->threads()[0].thread_id)->identity, 103U);
    EXPECT_EQ(running_on(*image, 4711), nullptr);

    Unwinder unwinder({}, nullptr, 0x400123);  // where the parked ones stand: they never ran
    StackTable table;
    const CoreStacks stacks = snapshot_core_stacks(**core, unwinder, *image, table);
    EXPECT_EQ(stacks.missing, 1U);
    EXPECT_EQ(stacks.snapshot.find(100)->consistency, Consistency::kExact);
    EXPECT_EQ(stacks.snapshot.find(100)->end, UnwindEnd::kEntry);
    EXPECT_EQ(table.pcs(stacks.snapshot.find(102)->stack), std::vector<std::uint64_t>{0x400123});
    // What ran is walked from its thread's registers, as far as there are rules for it.
    const StackRef* ran = stacks.snapshot.find(103);
    EXPECT_EQ(ran->consistency, Consistency::kExact);
    EXPECT_EQ(table.pcs(ran->stack), std::vector<std::uint64_t>{0x400200});
    EXPECT_EQ(stacks.exact_pcs, std::vector<std::uint64_t>{0x400200});
    EXPECT_EQ(stacks.snapshot.find(104)->consistency, Consistency::kUnknown);
    EXPECT_EQ(stacks.snapshot.find(104)->stack, wire::kNone);
}

TEST(CoreFile, a_stack_that_gcore_left_as_zeros_is_missing) {
    auto bytes = sample_core().bytes();
    const std::uint64_t return_address = 0x400123;
    const auto* wanted = reinterpret_cast<const std::uint8_t*>(&return_address);
    const auto at = std::search(bytes.begin(), bytes.end(), wanted, wanted + sizeof return_address);
    ASSERT_NE(at, bytes.end());
    std::fill_n(at, sizeof return_address, std::uint8_t{0});
    const File file(bytes);
    const auto core = CoreFile::open(file.path());
    auto state = open_core_state(**core);
    const auto image = state->reader.read();
    Unwinder unwinder({}, nullptr, 0);
    StackTable table;
    EXPECT_EQ(snapshot_core_stacks(**core, unwinder, *image, table).missing, 2U);
}

TEST(CoreFile, modules_carry_the_build_id_of_what_ran) {
    const File file(sample_core().bytes());
    const auto core = CoreFile::open(file.path());
    const auto modules = modules_of_core(**core, "");
    ASSERT_TRUE(modules.ok()) << modules.error().message;
    EXPECT_EQ(modules->program, "/bin/built-by-hand");
    EXPECT_TRUE(modules->program_missing);
    ASSERT_EQ(modules->modules.size(), 1U);
    EXPECT_EQ(modules->modules[0].low, kProgramAddress);
    EXPECT_EQ(modules->modules[0].build_id, testing::kProgramBuildId);

    const auto other = modules_of_core(**core, "/proc/self/exe");
    ASSERT_FALSE(other.ok());
    EXPECT_NE(other.error().message.find("another build"), std::string::npos) << other.error().message;
    EXPECT_NE(other.error().message.find(testing::kProgramBuildId), std::string::npos);
    EXPECT_FALSE(modules_of_core(**core, "/nonexistent").ok());

    const File binary(testing::program_page());
    const auto same = modules_of_core(**core, binary.path());
    ASSERT_TRUE(same.ok()) << same.error().message;
    EXPECT_FALSE(same->program_missing);
    EXPECT_EQ(same->modules[0].path, binary.path());
}

TEST(CoreFile, what_is_no_core_is_told_in_one_sentence) {
    expect_sentence(look_at({}), "no core");
    expect_sentence(look_at(std::vector<std::uint8_t>(5000, 'x')), "no core");
    const auto changed = [](auto change) {
        CoreBuilder built = sample_core();
        change(built);
        return look_at(built.bytes());
    };
    expect_sentence(changed([](CoreBuilder& c) { c.header.e_ident[EI_CLASS] = ELFCLASS32; }), "32-bit");
    expect_sentence(changed([](CoreBuilder& c) { c.header.e_machine = EM_AARCH64; }), "x86-64");
    expect_sentence(changed([](CoreBuilder& c) { c.header.e_type = ET_EXEC; }), "--binary");
    expect_sentence(changed([](CoreBuilder& c) { c.header.e_phnum = 60000; }), "cut off");
    expect_sentence(changed([](CoreBuilder& c) { c.header.e_phnum = PN_XNUM; }), "cut off");
    expect_sentence(changed([](CoreBuilder& c) { c.header.e_phoff = ~0ULL; }), "cut off");
    expect_sentence(changed([](CoreBuilder& c) {
                        c.add_memory(kStacksAddress + 8, {1, 2, 3});
                    }),
                    "over each other");
    expect_sentence(look_at(CoreBuilder().bytes()), "threads");
}

TEST(CoreFile, a_core_without_a_runtime_or_of_another_version_is_told_so) {
    CoreBuilder plain;
    plain.add_thread(1, {});
    plain.add_memory(0x10000, std::vector<std::uint8_t>(8192));
    expect_sentence(look_at(plain.bytes()), "without a CPrime runtime");

    plain.add_files({{kSegmentAddress, kSegmentAddress + 4096, 0, "/memfd:coroscope-state (deleted)"}});
    expect_sentence(look_at(plain.bytes()), "coredump_filter");

    CoreBuilder newer;
    newer.add_thread(1, {});
    auto segment = testing::sample_segment();
    segment.header().version_major = wire::kWireMajor + 1;
    newer.add_memory(kSegmentAddress, segment.bytes());
    expect_sentence(look_at(newer.bytes()), "upgrade coroscope");

    // A viewer's mapping of somebody else's segment is no runtime of its own.
    CoreBuilder viewer;
    viewer.add_thread(1, {});
    viewer.add_memory(kSegmentAddress, testing::sample_segment().bytes(), PF_R);
    expect_sentence(look_at(viewer.bytes()), "without a CPrime runtime");
}

TEST(CoreFile, chunks_that_were_cut_off_are_counted_and_their_records_are_not_made_up) {
    const auto whole = sample_core().bytes();
    const auto segment_bytes = testing::sample_segment().bytes().size();
    const std::vector<std::uint8_t> cut(whole.begin(),
                                        whole.end() - static_cast<std::ptrdiff_t>(segment_bytes / 2));
    const File file(cut);
    const auto core = CoreFile::open(file.path());
    ASSERT_TRUE(core.ok()) << core.error().message;
    EXPECT_EQ((*core)->cut_off_bytes(), segment_bytes / 2);
    auto state = open_core_state(**core);
    ASSERT_TRUE(state.ok()) << state.error().message;
    EXPECT_GT(state->missing_bytes, 0U);
    const auto image = state->reader.read();
    ASSERT_TRUE(image.ok()) << image.error().message;
    EXPECT_EQ(image->coroutines.size(), 4U);
    EXPECT_TRUE(image->handles.empty());  // a record of zeros would be a handle of channel 0
}

TEST(CoreFile, one_chunk_named_many_times_is_damage) {
    auto segment = testing::sample_segment();
    const auto kind = wire::SectionKind::kHandles;
    auto& entry = segment.header().sections[static_cast<std::uint32_t>(kind)];
    const std::uint64_t room = segment.bytes().size() - wire::kPageBytes;  // one chunk takes nearly all of it
    entry.record_bytes = static_cast<std::uint32_t>(room / entry.records_per_chunk / 8 * 8);
    for (std::uint32_t chunk = 0; chunk < 8; ++chunk)
        segment.set_word(kind, chunk, wire::make_chunk_word(wire::kPageBytes, wire::ChunkState::kLive));
    entry.chunks_published.store(8);
    entry.records_used.store(8 * entry.records_per_chunk);
    CoreBuilder built;
    built.add_thread(1, {});
    built.add_memory(kSegmentAddress, segment.bytes());
    expect_sentence(look_at(built.bytes()), "one chunk many times");
}

TEST(CoreFile, cut_anywhere_it_ends_in_a_sentence_or_an_image) {
    const auto whole = sample_core().bytes();
    for (std::size_t size = 0; size < whole.size(); size += size < 4096 ? 7 : 1021)
        look_at({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
    EXPECT_EQ(look_at(whole), "");
}

TEST(CoreFile, damaged_anywhere_it_ends_in_a_sentence_or_an_image) {
    const auto whole = sample_core().bytes();
    std::mt19937 random(7);
    for (int round = 0; round < 2000; ++round) {
        auto damaged = whole;
        for (int i = 0; i < 4; ++i) {
            // Half of the damage goes where headers and notes are.
            const std::size_t at = random() % (i % 2 == 0 ? 4096 : damaged.size());
            damaged[at] = static_cast<std::uint8_t>(random());
        }
        look_at(damaged);
    }
}

}  // namespace
}  // namespace coroscope::inspect
