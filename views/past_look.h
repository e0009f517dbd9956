// PastLook<Key, Value>: something that is looked for in the past of a session, on the searches' thread, and kept until something newer is found.
//
// As Computed (background.h), but for looks that can take seconds: when the key changes, the look under way is cancelled, and what was found last
// stays on the screen until the next one is through.
//
// The frame's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "traces/search.h"
#include "views/background.h"

namespace coroscope::views {

template <typename Key, typename Value>
class PastLook {
public:
    PastLook() = default;
    ~PastLook() { reset(); }
    PastLook(const PastLook&) = delete;
    PastLook& operator=(const PastLook&) = delete;

    // Makes sure that the value for `key` is there or on its way. make(traces::Search&) returns a Value, on the searches' thread.
    template <typename Make>
    void want(Background& searches, const Key& key, Make&& make) {
        if (computed_.in_flight()) {
            if (!(asked_ == key)) search_->cancelled = true;
            return;
        }
        const auto search = std::make_shared<traces::Search>();
        computed_.want(searches, key, [search, make = std::forward<Make>(make)]() mutable {
            std::optional<Value> value = make(*search);
            if (!search->wanted()) value.reset();
            return value;
        });
        if (const auto found = computed_.shared(); found != nullptr) {
            if (found->has_value() && value_ != found) {
                value_ = found;
                ++changes_;
            }
            if (!found->has_value() && computed_.current(key))
                computed_.reset();  // cancelled, and wanted again
        }
        if (!computed_.in_flight()) return;
        search_ = search;
        asked_ = key;
    }
    // The newest value; nullptr before the first.
    const Value* value() const { return value_ == nullptr ? nullptr : &**value_; }
    // Grows with every new value.
    std::uint64_t changes() const { return changes_; }
    bool current(const Key& key) const { return value_ != nullptr && computed_.current(key); }
    bool in_flight() const { return computed_.in_flight(); }
    float share() const { return in_flight() ? search_->share.load(std::memory_order_relaxed) : 1; }
    void reset() {
        if (search_ != nullptr) search_->cancelled = true;
        computed_.reset();
        value_.reset();
        asked_.reset();
    }

private:
    Computed<Key, std::optional<Value>> computed_;
    std::shared_ptr<traces::Search> search_;
    std::optional<Key> asked_;
    std::shared_ptr<const std::optional<Value>> value_;
    std::uint64_t changes_ = 0;
};

}  // namespace coroscope::views
