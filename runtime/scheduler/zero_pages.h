// ZeroPages: an array of fixed length that starts as zeros and takes memory page by page as it is written.
//
// For tables that are as long as there may be coroutines and of which most programs use the beginning. Thread: as what lies in it.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>

#include "instrumentation/base/check.h"

namespace cprime::detail {

class ZeroPages {
public:
    // Address space only. Ends the process where there is none left.
    explicit ZeroPages(std::size_t bytes) : bytes_(bytes), memory_(map(bytes)) { CHECK(memory_ != nullptr); }
    ~ZeroPages() { munmap(memory_, bytes_); }
    ZeroPages(const ZeroPages&) = delete;
    ZeroPages& operator=(const ZeroPages&) = delete;

    // Element `i`, if all are of type T. T is something that zeros are a value of.
    template <typename T>
    T& at(std::size_t i) {
        return static_cast<T*>(memory_)[i];
    }

    // Pages of zeros; null when there are none to be had. Without huge ones: a page that is written costs a page.
    static void* map(std::size_t bytes) {
        void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED) return nullptr;
        madvise(memory, bytes, MADV_NOHUGEPAGE);  // refused where the kernel has none: then it is as wished
        return memory;
    }

private:
    std::size_t bytes_;
    void* memory_;
};

}  // namespace cprime::detail
