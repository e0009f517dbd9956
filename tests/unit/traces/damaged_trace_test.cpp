// Traces to which something happened: every prefix, every flipped byte, pieces cut out, put in twice or taken from another trace. Each opens and
// says what it lacks, or is refused in one sentence; nothing that was never written is shown.
#include <gtest/gtest.h>

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "synthetic_trace.h"
#include "traces/packing.h"
#include "traces/replay.h"
#include "traces/trace_reader.h"

namespace coroscope::traces {
namespace {

std::string golden(const std::string& name) {
    const char* source = std::getenv("COROSCOPE_SOURCE");
    std::ifstream file(std::string(source != nullptr ? source : ".") + "/tests/golden/" + name,
                       std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}
// A file of no file system: thousands are written.
class MemoryFile {
public:
    MemoryFile() : fd_(memfd_create("trace", MFD_CLOEXEC)) { EXPECT_GE(fd_, 0); }
    ~MemoryFile() { close(fd_); }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;
    std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }
    void put(const std::string& bytes) const {
        EXPECT_EQ(ftruncate(fd_, 0), 0);
        EXPECT_EQ(pwrite(fd_, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    }
    std::string bytes() const {
        std::ifstream file(path(), std::ios::binary);
        return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    }

private:
    const int fd_;
};

// What of a trace could be read, and what was said to be wrong with it.
struct Look {
    bool opened = false;
    std::string refusal;
    std::vector<std::string> losses;
    std::size_t events_whole = 0, keyframes_whole = 0, chunks_broken = 0, chunks = 0;
    std::vector<std::uint64_t> events_hashes;

    bool told() const { return !opened || !losses.empty() || chunks_broken > 0; }
};

Look look_at(const std::string& path) {
    Look look;
    auto opened = TraceReader::open(path);
    look.opened = opened.ok();
    if (!opened.ok()) {
        look.refusal = opened.error().message;
        EXPECT_NE(look.refusal.find(path), std::string::npos) << look.refusal;
        EXPECT_EQ(look.refusal.find('\n'), std::string::npos) << look.refusal;
        return look;
    }
    const TraceReader& reader = **opened;
    look.losses = reader.losses();
    look.chunks = reader.chunks().size();
    look.chunks_broken = reader.broken_chunks();
    for (const std::uint32_t position : reader.events()) {
        const auto slots = reader.read_events(reader.chunks()[position]);
        if (!slots.ok()) {
            ++look.chunks_broken;
            continue;
        }
        ++look.events_whole;
        look.events_hashes.push_back(checksum(slots->data(), slots->size() * sizeof(wire::EventSlot)));
    }
    for (const std::uint32_t position : reader.keyframes()) {
        const bool whole = reader.read_keyframe(reader.chunks()[position]).ok();
        ++(whole ? look.keyframes_whole : look.chunks_broken);
    }
    return look;
}

class EveryVersion : public testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        whole_bytes_ = golden(GetParam());
        ASSERT_GT(whole_bytes_.size(), 5000U);
        file_.put(whole_bytes_);
        whole_ = look_at(file_.path());
        ASSERT_TRUE(whole_.opened);
        ASSERT_FALSE(whole_.told());
    }
    Look with(const std::string& bytes) {
        file_.put(bytes);
        return look_at(file_.path());
    }
    // No events but those that were written, in their order.
    void expect_nothing_new(const Look& look, std::size_t at) {
        auto next = whole_.events_hashes.begin();
        for (const std::uint64_t hash : look.events_hashes) {
            next = std::find(next, whole_.events_hashes.end(), hash);
            ASSERT_NE(next, whole_.events_hashes.end()) << "at byte " << at;
            ++next;
        }
    }
    const MemoryFile file_;
    std::string whole_bytes_;
    Look whole_;
};
INSTANTIATE_TEST_SUITE_P(Golden, EveryVersion, testing::Values("small.coro", "small_2.coro"));

TEST_P(EveryVersion, every_prefix_opens_and_says_so_or_is_refused) {
    std::size_t chunks_before = 0;
    std::size_t opened = 0;
    for (std::size_t length = 0; length < whole_bytes_.size(); length += length < 400 ? 1 : 13) {
        const Look look = with(whole_bytes_.substr(0, length));
        ASSERT_TRUE(look.told()) << length;
        ASSERT_GE(look.chunks, chunks_before) << length;
        chunks_before = look.opened ? look.chunks : chunks_before;
        opened += look.opened ? 1 : 0;
        expect_nothing_new(look, length);
    }
    EXPECT_GT(opened, 10U);
    EXPECT_GE(chunks_before, whole_.chunks - 1);
}

TEST_P(EveryVersion, every_flipped_byte_costs_one_chunk_at_most_and_is_told) {
    for (std::size_t at = 0; at < whole_bytes_.size(); ++at) {
        std::string bytes = whole_bytes_;
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << at % 8));
        const Look look = with(bytes);
        // A chunk's header is damaged, but the footer has it as well: nothing is lost.
        const bool same = look.events_hashes == whole_.events_hashes &&
                          look.keyframes_whole == whole_.keyframes_whole;
        ASSERT_TRUE(look.told() || same) << "byte " << at;
        expect_nothing_new(look, at);
        if (look.opened) {
            ASSERT_GE(look.events_whole + 1, whole_.events_whole) << "byte " << at;
            ASSERT_GE(look.keyframes_whole + 1, whole_.keyframes_whole) << "byte " << at;
        }
    }
}

TEST_P(EveryVersion, pieces_cut_out_or_put_in_twice_are_told) {
    const std::size_t size = whole_bytes_.size();
    for (std::size_t i = 0; i < 300; ++i) {
        const std::size_t from = 64 + i * 7919 % (size - 1064);
        const std::size_t length = 1 + i * 104729 % 1000;
        std::string cut = whole_bytes_;
        cut.erase(from, length);
        Look look = with(cut);
        ASSERT_TRUE(look.told()) << from << " without " << length;
        expect_nothing_new(look, from);
        std::string twice = whole_bytes_;
        twice.insert(from, whole_bytes_, from, length);
        look = with(twice);
        ASSERT_TRUE(look.told()) << from << " twice " << length;
        expect_nothing_new(look, from);
    }
}

TEST_P(EveryVersion, a_whole_chunk_that_stands_twice_counts_once) {
    file_.put(whole_bytes_);
    std::uint64_t from = 0;
    std::uint64_t to = 0;
    {
        const auto reader = TraceReader::open(file_.path());
        ASSERT_TRUE(reader.ok());
        const ChunkRef& chunk = (*reader)->chunks()[(*reader)->events()[1]];
        from = chunk.offset;
        to = chunk.end_offset();
    }
    std::string twice = whole_bytes_;
    twice.insert(to, whole_bytes_, from, to - from);
    const Look look = with(twice);
    ASSERT_TRUE(look.opened);
    EXPECT_EQ(look.events_hashes, whole_.events_hashes);
    EXPECT_NE(look.losses.back().find("second time"), std::string::npos) << look.losses.back();
}

TEST(DamagedTrace, a_chunk_of_another_trace_is_none_of_this_one) {
    const MemoryFile file;
    const MemoryFile other_file;
    const auto write = [](const std::string& path, std::uint64_t nonce) {
        SyntheticProgram program(1);
        for (std::uint32_t i = 0; i < 900; ++i)
            program.step(static_cast<std::uint16_t>((i + nonce) * 40503U >> 2));
        TraceMeta meta = synthetic_meta();
        meta.segment_nonce = nonce;
        auto writer = TraceWriter::create(path, meta);
        ASSERT_TRUE(writer.ok());
        ASSERT_TRUE((*writer)->add_keyframe(program.truth()).ok());
        for (std::size_t at = 0; at + 200 <= program.ring(0).size(); at += 200) {
            EventsChunk chunk;
            chunk.ring = 0;
            chunk.first_position = at;
            chunk.slots.assign(program.ring(0).begin() + static_cast<std::ptrdiff_t>(at),
                               program.ring(0).begin() + static_cast<std::ptrdiff_t>(at + 200));
            ASSERT_TRUE((*writer)->add_events(chunk, false).ok());
        }
        ASSERT_TRUE((*writer)->finish({program.now(), "the program ended", ""}).ok());
    };
    write(file.path(), 1);
    write(other_file.path(), 2);
    std::string bytes = file.bytes();
    const std::string other_bytes = other_file.bytes();
    std::vector<std::uint64_t> own;
    {
        const auto one = TraceReader::open(file.path());
        const auto other = TraceReader::open(other_file.path());
        ASSERT_TRUE(one.ok());
        ASSERT_TRUE(other.ok());
        const ChunkRef& mine = (*one)->chunks()[(*one)->events()[2]];
        const ChunkRef& theirs = (*other)->chunks()[(*other)->events()[2]];
        ASSERT_EQ(mine.header.number, theirs.header.number);
        own = look_at(file.path()).events_hashes;
        bytes.replace(mine.offset, mine.end_offset() - mine.offset, other_bytes, theirs.offset,
                      theirs.end_offset() - theirs.offset);
    }
    file.put(bytes);
    const Look look = look_at(file.path());
    ASSERT_TRUE(look.opened);
    EXPECT_TRUE(look.told());
    own.erase(own.begin() + 2);
    EXPECT_EQ(look.events_hashes, own);
}

TEST(DamagedTrace, a_trace_that_is_cut_while_somebody_looks_at_it_ends_nobody) {
    const MemoryFile file;
    file.put(golden("small_2.coro"));
    auto reader = TraceReader::open(file.path());
    ASSERT_TRUE(reader.ok());
    file.put(std::string(100, 0));
    for (const std::uint32_t position : (*reader)->events())
        EXPECT_EQ((*reader)->read_events((*reader)->chunks()[position]).error().code,
                  base::ErrorCode::kUnreadable);
}

}  // namespace
}  // namespace coroscope::traces
