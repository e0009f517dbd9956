#include "memory.h"

namespace model {
namespace {

bool acquires(std::memory_order order) {
    return order != std::memory_order_relaxed && order != std::memory_order_release;
}
bool releases(std::memory_order order) {
    return order == std::memory_order_release || order == std::memory_order_acq_rel ||
           order == std::memory_order_seq_cst;
}

std::uint64_t changed(const Operation& operation, std::uint64_t old) {
    const std::uint64_t mask = operation.bytes == 8 ? ~0ULL : (1ULL << (operation.bytes * 8)) - 1;
    switch (operation.change) {
        case Change::kSet:
            return operation.value;
        case Change::kAdd:
            return (old + operation.value) & mask;
        case Change::kSubtract:
            return (old - operation.value) & mask;
        case Change::kAnd:
            return old & operation.value;
        case Change::kOr:
            return old | operation.value;
        case Change::kXor:
            return old ^ operation.value;
    }
    return old;
}

}  // namespace

void Memory::reset() {
    for (std::size_t i = 0; i < locations_count_; ++i)
        locations_[i].clear();
    locations_count_ = 0;
    threads_ = {};
    for (std::size_t i = 0; i < kClocks; ++i)
        threads_[i].now.clock[i] = 1;
    shared_ = {};
}

void Memory::join(View& into, const View& from) const {
    for (std::size_t i = 0; i < locations_count_; ++i)
        into.oldest[i] = std::max(into.oldest[i], from.oldest[i]);
}

void Memory::join(Knowledge& into, const Knowledge& from) const {
    join(into.view, from.view);
    for (std::size_t i = 0; i < kClocks; ++i)
        into.clock[i] = std::max(into.clock[i], from.clock[i]);
}

void Memory::join_all(int threads_count) {
    for (int i = 1; i <= threads_count; ++i)
        join(threads_[0].now, threads_[i].now);
    for (std::size_t i = 0; i < locations_count_; ++i)
        threads_[0].now.view.oldest[i] = static_cast<std::uint16_t>(locations_[i].size() - 1);
}

std::uint32_t Memory::add_location(std::uint64_t value, int maker, std::uint32_t time) {
    made_[locations_count_] = {maker, time};
    locations_[locations_count_].push_back({value, {}});  // its construction is no release
    return static_cast<std::uint32_t>(locations_count_++);
}

std::uint32_t Memory::oldest_readable(int thread, const Operation& operation) const {
    const std::uint32_t seen = threads_[thread].now.view.oldest[operation.location];
    const bool total = operation.kind <= Kind::kCompareExchange &&
                       operation.order == std::memory_order_seq_cst;
    const bool fenced = operation.kind == Kind::kFutexWait;
    return total || fenced ? std::max<std::uint32_t>(seen, shared_.oldest[operation.location]) : seen;
}

void Memory::readable_ages(int thread, const Operation& operation, std::vector<std::uint32_t>& ages) const {
    ages.assign(1, 0);
    const bool compares = operation.kind == Kind::kCompareExchange;
    if (operation.kind != Kind::kLoad && operation.kind != Kind::kFutexWait && !compares) return;
    const std::vector<Store>& stores = locations_[operation.location];
    const auto count = static_cast<std::uint32_t>(stores.size());
    for (std::uint32_t age = 1; age < count - oldest_readable(thread, operation); ++age) {
        // A compare-exchange succeeds with the newest store only, and fails with one that differs.
        if (!compares || stores[count - 1 - age].value != operation.expected) ages.push_back(age);
    }
}

void Memory::load(ThreadMemory& thread, Operation& operation, std::memory_order order, std::uint32_t index) {
    const Store& read = locations_[operation.location][index];
    operation.result = read.value;
    std::uint16_t& oldest = thread.now.view.oldest[operation.location];
    oldest = std::max(oldest, static_cast<std::uint16_t>(index));
    join(acquires(order) ? thread.now : thread.acquirable, read.carried);
    if (order == std::memory_order_seq_cst) {
        std::uint16_t& shared = shared_.oldest[operation.location];
        shared = std::max(shared, static_cast<std::uint16_t>(index));
    }
}

void Memory::store(ThreadMemory& thread, const Operation& operation, std::uint64_t value,
                   const Knowledge* sequence) {
    const auto index = static_cast<std::uint16_t>(locations_[operation.location].size());
    thread.now.view.oldest[operation.location] = index;
    Store made{value, releases(operation.order) ? thread.now : thread.released};
    if (sequence != nullptr) join(made.carried, *sequence);
    made.carried.view.oldest[operation.location] = index;
    if (operation.order == std::memory_order_seq_cst) shared_.oldest[operation.location] = index;
    locations_[operation.location].push_back(made);
}

void Memory::fence(ThreadMemory& thread, std::memory_order order) {
    if (acquires(order)) join(thread.now, thread.acquirable);
    if (order == std::memory_order_seq_cst) {
        join(thread.now.view, shared_);
        shared_ = thread.now.view;
    }
    if (releases(order)) thread.released = thread.now;
}

void Memory::execute(int thread, Operation& operation, std::uint32_t age, int threads_count) {
    ThreadMemory& self = threads_[thread];
    std::vector<Store>& stores = locations_[operation.location];
    const auto newest = static_cast<std::uint32_t>(operation.has_location() ? stores.size() - 1 : 0);
    switch (operation.kind) {
        case Kind::kLoad:
            load(self, operation, operation.order, newest - age);
            break;
        case Kind::kStore:
            store(self, operation, operation.value, nullptr);
            break;
        case Kind::kCompareExchange:
            operation.success = age == 0 && stores[newest].value == operation.expected;
            if (!operation.success) {
                load(self, operation, operation.failure_order, newest - age);
                break;
            }
            [[fallthrough]];
        case Kind::kExchange: {
            load(self, operation, operation.order, newest);
            const Knowledge sequence = stores[newest].carried;
            store(self, operation, changed(operation, operation.result), &sequence);
            break;
        }
        case Kind::kFence:
            fence(self, operation.order);
            break;
        case Kind::kHeavyFence:
            fence(self, std::memory_order_seq_cst);
            for (int i = 1; i <= threads_count; ++i)
                fence(threads_[i], std::memory_order_seq_cst);
            fence(self, std::memory_order_seq_cst);
            break;
        case Kind::kPause:
            for (std::size_t i = 0; i < locations_count_; ++i)
                self.now.view.oldest[i] = static_cast<std::uint16_t>(locations_[i].size() - 1);
            break;
        case Kind::kFutexWait:
            fence(self, std::memory_order_seq_cst);
            load(self, operation, std::memory_order_relaxed, newest - age);
            operation.success = operation.result == operation.expected;
            break;
        case Kind::kFutexWake:
            fence(self, std::memory_order_seq_cst);
            break;
        case Kind::kWoken:
            break;
    }
    ++self.now.clock[thread];  // what the thread does from here on is not what it has handed on so far
}

bool Memory::has_unseen(int thread) const {
    const View& view = threads_[thread].now.view;
    for (std::size_t i = 0; i < locations_count_; ++i)
        if (view.oldest[i] + 1U < locations_[i].size()) return true;
    return false;
}

Memory::Race Memory::use_plain(int thread, PlainUses& uses, bool write) {
    const auto& clock = threads_[thread].now.clock;
    if (uses.write_time > clock[uses.writer]) return {true, uses.writer, true};
    if (write) {
        for (std::size_t other = 0; other < kClocks; ++other)
            if (uses.read_times[other] > clock[other]) return {true, static_cast<int>(other), false};
        uses.write_time = clock[thread];
        uses.writer = static_cast<std::uint8_t>(thread);
    } else {
        uses.read_times[thread] = clock[thread];
    }
    return {};
}

}  // namespace model
