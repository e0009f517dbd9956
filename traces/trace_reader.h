// TraceReader: opens a trace file and hands out what its chunks hold.
//
// Where the chunks are says trace_index.h. Nothing read is trusted: every length is checked against the file before it is used, every payload
// against its checksum. The small tables (strings, stacks, modules, symbols, counts) are read when opening; events and keyframes on request, and
// nothing of them is kept: a trace larger than memory can be looked at. Whoever wants types and stamps alone asks column_scan.h.
//
// A trace that is still written is read as far as it was whole when it was opened; newer() makes a reader of more.
//
// Thread: after open() everything is const and may be called from any thread. Blocks: reads the file. Tested in
// tests/unit/traces/trace_file_test.cpp; fuzzed by tests/fuzz/trace_file_fuzz.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "instrumentation/base/result.h"
#include "instrumentation/inspect/stack.h"
#include "instrumentation/inspect/state_image.h"
#include "instrumentation/wire/event.h"
#include "traces/format.h"
#include "traces/tables.h"
#include "traces/trace_index.h"

namespace coroscope::traces {

class TraceReader {
public:
    // Of "-": stdin, to its end. Errors: kUnreadable, kCorrupt (no trace, or nothing usable in it), kVersion (which side to upgrade).
    static base::Result<std::unique_ptr<TraceReader>> open(const std::string& path);
    // `path`: what sentences call it.
    static base::Result<std::unique_ptr<TraceReader>> open(std::shared_ptr<const TraceBytes> bytes,
                                                           const std::string& path);
    // The same of what has begun to come and will go on. Errors: also while no look at the program is there yet.
    static base::Result<std::unique_ptr<TraceReader>> open_growing(std::shared_ptr<const TraceBytes> bytes,
                                                                   const std::string& path);
    // A reader of all that is there by now; nullptr when nothing was appended. Shares what has not changed. Errors: as open().
    base::Result<std::shared_ptr<const TraceReader>> newer() const;
    TraceReader& operator=(const TraceReader&) = delete;

    const std::string& path() const { return path_; }
    const TraceMeta& meta() const { return meta_; }
    std::uint64_t file_bytes() const { return file_->bytes(); }
    const FileHeader& file_header() const { return file_header_; }
    const TraceBytes& file() const { return *file_; }
    // Somebody still appends to it: newer() will have more.
    bool being_written() const { return !index_.complete && file_->being_written(); }
    // Whether the recorder closed the file; if not, its last words are missing and `end()` is empty.
    bool complete() const { return index_.complete; }
    const TraceEnd& end() const { return end_; }
    // Chunks whose payload turned out to be broken while opening.
    std::uint32_t broken_chunks() const { return broken_; }
    // What opening found missing or damaged, one sentence each.
    const std::vector<std::string>& losses() const { return index_.losses; }

    std::span<const ChunkRef> chunks() const { return index_.chunks; }  // all, in file order
    std::span<const std::uint32_t> events() const {
        return events_;
    }  // positions in chunks(): events, in file order
    std::span<const std::uint32_t> keyframes() const { return keyframes_; }  // ascending time
    std::span<const std::uint32_t> stacks() const { return stacks_; }
    // Ascending time.
    const std::vector<std::shared_ptr<const Counts>>& counts() const { return counts_; }

    const std::string& strings() const { return *strings_; }
    std::shared_ptr<const inspect::StackTable> stack_table() const { return stack_table_; }
    const std::vector<inspect::Module>& modules() const { return modules_; }
    const Symbols& symbols() const { return *symbols_; }
    // What is known of a ring; kFree when no counts were written yet.
    RingCount ring(std::uint32_t ring) const;

    // Payloads, unpacked; of deltas the whole look. Errors: kCorrupt, kUnreadable; the caller decides whether a broken chunk is a loss or the end.
    base::Result<std::vector<wire::EventSlot>> read_events(const ChunkRef& chunk) const;
    // The same into `slots`, whose memory is used again.
    base::Status read_events(const ChunkRef& chunk, std::vector<wire::EventSlot>& slots) const;
    // Of any chunk but events.
    base::Result<Bytes> read_payload(const ChunkRef& chunk) const;
    base::Result<inspect::StateImage> read_keyframe(const ChunkRef& chunk) const;
    // Without its index: see decode_image_rows().
    base::Result<inspect::StateImage> read_keyframe_rows(const ChunkRef& chunk) const;
    // Stack numbers beyond the table become kNone.
    base::Result<inspect::StackSnapshot> read_stacks(const ChunkRef& chunk) const;

private:
    TraceReader(std::shared_ptr<const TraceBytes> file, std::string path)
        : path_(std::move(path)), file_(std::move(file)) {}
    TraceReader(const TraceReader&) = default;
    base::Status read_file_header();
    struct Growing;
    base::Status read_index_and_tables(bool growing);
    base::Status read_tables(std::size_t first_chunk);
    base::Status read_table(const ChunkRef& chunk, Growing& growing);
    void drop_baseless(std::vector<std::uint32_t>& looks, ChunkType whole);
    // What a delta changes; nullptr when it is not there. `looks`: keyframes_ or stacks_.
    const ChunkRef* base_of(const ChunkRef& delta, const std::vector<std::uint32_t>& looks) const;
    std::uint64_t seed() const;
    base::Error corrupt(const std::string& how) const;
    base::Error corrupt(const ChunkRef& chunk, const base::Error& how) const;

    const std::string path_;
    std::shared_ptr<const TraceBytes> file_;
    FileHeader file_header_{};
    TraceIndex index_;
    std::uint32_t broken_ = 0;
    TraceMeta meta_;
    TraceEnd end_;
    std::vector<std::uint32_t> events_, keyframes_, stacks_;
    std::vector<std::shared_ptr<const Counts>> counts_;
    std::shared_ptr<const std::string> strings_;
    std::shared_ptr<const inspect::StackTable> stack_table_;
    std::vector<inspect::Module> modules_;
    std::shared_ptr<const Symbols> symbols_;
};

}  // namespace coroscope::traces
