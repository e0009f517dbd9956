// SparseTable<T>: a T for each coroutine or channel index that was ever mentioned.
//
// Indices come from other processes and from files, and may be anything up to 2^32: memory follows the pages that are touched
// (kPageEntries each), never the largest index. Look-ups are two loads. Pointers to entries stay valid.
//
// Thread: one at a time. Tested in tests/unit/traces/model_test.cpp through its users.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

namespace coroscope::traces {

template <typename T>
class SparseTable {
public:
    static constexpr std::uint32_t kPageEntries = 64;

    // The entry of `index`, made (value-initialised) when it is new.
    T& operator[](std::uint32_t index) {
        const std::uint32_t number = index / kPageEntries;
        if (number < directory_.size() && directory_[number] != nullptr) return (*directory_[number])[index % kPageEntries];
        return made(index);
    }
    // nullptr when nothing near it was ever made.
    const T* find(std::uint32_t index) const {
        const std::uint32_t number = index / kPageEntries;
        if (number < directory_.size())
            return directory_[number] == nullptr ? nullptr : &(*directory_[number])[index % kPageEntries];
        const auto page = far_.find(number);
        return page == far_.end() ? nullptr : &(*page->second)[index % kPageEntries];
    }
    // visit(index, entry) of every entry of every page made, in no particular order.
    template <typename Visit>
    void for_each(Visit&& visit) {
        for (std::size_t p = 0; p < pages_.size(); ++p) {
            for (std::uint32_t i = 0; i < kPageEntries; ++i)
                visit(pages_first_[p] + i, (*pages_[p])[i]);
        }
    }

private:
    using Page = std::array<T, kPageEntries>;
    static constexpr std::uint32_t kDirectoryMax = 1U
                                                   << 20;  // 64 Mi entries: every index that a runtime can hand out

    T& made(std::uint32_t index) {
        Page*& page = near_page(index / kPageEntries);
        if (page == nullptr) {
            pages_.push_back(std::make_unique<Page>());
            page = pages_.back().get();
            pages_first_.push_back(index / kPageEntries * kPageEntries);
        }
        return (*page)[index % kPageEntries];
    }
    Page*& near_page(std::uint32_t number) {
        if (number >= kDirectoryMax) return far_[number];
        if (number >= directory_.size()) directory_.resize(number + 1, nullptr);
        return directory_[number];
    }

    std::vector<Page*> directory_;
    std::unordered_map<std::uint32_t, Page*> far_;  // indices no runtime hands out, from damaged input
    std::vector<std::unique_ptr<Page>> pages_;
    std::vector<std::uint32_t> pages_first_;
};

}  // namespace coroscope::traces
