// Read-only views of the segment files.
//
// A SharedMapping is a window over a file that another process writes and grows. It can never fault: the file
// must be sealed against shrinking (checked, not believed), and nothing beyond the size last seen is
// reachable through it. Of a program that has ended it holds a copy instead, which nobody writes any more.
//
// Thread: one at a time. Blocks: never. Tested in tests/unit/inspect; fuzzed through StateReader in
// tests/fuzz.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "instrumentation/base/file_descriptor.h"
#include "instrumentation/base/result.h"

namespace coroscope::inspect {

class SharedMapping {
public:
    SharedMapping() = default;
    SharedMapping(SharedMapping&& other) noexcept;
    SharedMapping& operator=(SharedMapping&& other) noexcept;
    ~SharedMapping();

    // Maps the whole file for reading. `what` names it in errors ("the state segment of process 12"). Errors:
    // kCorrupt when it is not sealed against shrinking or smaller than bytes_min, kUnreadable when it cannot
    // be mapped.
    static base::Result<SharedMapping> open(base::FileDescriptor fd, std::uint64_t bytes_min,
                                            const std::string& what);

    // A copy of `bytes` bytes that `fill` writes, once. What it leaves out reads as zero and takes no memory. Errors: kUnreadable.
    static base::Result<SharedMapping> of_copy(std::uint64_t bytes,
                                               const std::function<void(std::uint8_t*)>& fill,
                                               const std::string& what);

    // Follows the growth of the file; a copy has none. Pointers from before are invalid afterwards. False when the larger view
    // cannot be mapped (then the old one stays).
    bool refresh();
    // Whether the file is larger now than this view of it.
    bool has_grown() const;

    std::uint64_t bytes() const { return bytes_; }
    const std::uint8_t* data() const { return data_; }
    // The T at `offset`; nullptr when it does not lie inside or is not aligned.
    template <typename T>
    const T* at(std::uint64_t offset) const {
        return static_cast<const T*>(range(offset, sizeof(T), alignof(T)));
    }
    // The first of `bytes` bytes at `offset`; nullptr when they do not all lie inside or are not aligned.
    const void* range(std::uint64_t offset, std::uint64_t bytes, std::uint64_t alignment) const {
        if (offset > bytes_ || bytes > bytes_ - offset || offset % alignment != 0) return nullptr;
        return data_ + offset;
    }

private:
    base::FileDescriptor fd_;  // none: a copy
    const std::uint8_t* data_ = nullptr;
    std::uint64_t bytes_ = 0;
};

}  // namespace coroscope::inspect
