// What must not survive fork(): the segments' mappings and the agent's descriptors.
//
// The kernel drops MADV_DONTFORK mappings from the child. The hole would be filled by the child's next mmap, and a
// runtime call made there by mistake would write into somebody's memory; so the child's first act is to put an
// unreadable mapping in its place. Descriptors are close-on-exec, but a child that never execs (a daemon) would keep
// the socket's name taken and the memory alive: they are closed as well.
//
// Thread: any; takes a lock that fork() takes too. Tested in tests/unit/emit/fork_test.cpp.
#pragma once

#include <cstddef>

namespace coroscope::emit {

// Regions (at most 8) and descriptors (at most 64) to be taken from a forked child.
void guard_region(void* address, std::size_t bytes);
void unguard_region(void* address);
void guard_descriptor(int fd);
void unguard_descriptor(int fd);

// True in a child made by fork() of a process that had a segment: no runtime call may be made there.
// Async-signal-safe.
bool forked_child();

}  // namespace coroscope::emit
