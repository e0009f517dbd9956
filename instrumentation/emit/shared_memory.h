// What state and ring segment have in common: a sealed memfd of mode 0400, a big reservation, memory that is there.
//
// Thread: any (plain functions over the kernel). Tested through tests/unit/emit/state_segment_test.cpp and
// ring_threads_test.cpp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "instrumentation/base/file_descriptor.h"
#include "instrumentation/base/result.h"

namespace coroscope::emit {

struct SharedFile {
    base::FileDescriptor writable;   // the target's own
    base::FileDescriptor read_only;  // for viewers; opened now, because after a change of uid it could not be
};

// A memfd: close-on-exec, mode 0400, sealed against shrinking and against further seals.
base::Result<SharedFile> create_shared_file(const char* name);

// Maps `bytes` of `fd` (or of private anonymous memory when fd < 0), not inherited by forked children and guarded
// against their use (fork_guard.h). Null when there is no address space.
std::byte* reserve(int fd, std::uint64_t bytes);
void unreserve(std::byte* base, std::uint64_t bytes);

// Most address space that should be asked for: `wish`, less under RLIMIT_AS (a quarter of it) and RLIMIT_FSIZE.
std::uint64_t reservation_limit(std::uint64_t wish);

// Lets core dumps contain these pages; reserve() leaves all of them out. populate_pages() does it too.
void include_in_core(std::byte* address, std::uint64_t bytes);

// Makes pages exist, writable, zeroed where they were never touched. False when memory is short; never a signal.
bool populate_pages(std::byte* address, std::uint64_t bytes);

// Gives pages back; they read as zeros afterwards.
void discard_pages(std::byte* address, std::uint64_t bytes, bool shared);

}  // namespace coroscope::emit
