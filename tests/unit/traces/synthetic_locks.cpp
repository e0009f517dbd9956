// Mutexes and events of the program that never ran. See synthetic_program.h.
#include "instrumentation/wire/limits.h"
#include "synthetic_program.h"

namespace coroscope::traces {
namespace {

using wire::EventType;

constexpr std::uint32_t kLocksMax = 5;

}  // namespace

void SyntheticProgram::use_lock(std::uint32_t w, std::uint16_t choice) {
    std::vector<Lock*> live;
    for (auto& [index, lock] : locks_) {
        if (lock.image.identity != 0) live.push_back(&lock);
    }
    if (live.empty() || choice % 11 == 0) return create_lock(w, choice);
    Lock& lock = *live[choice % live.size()];
    if (choice % 13 == 0) return destroy_lock(w, lock);
    lock.image.kind == wire::WaitableKind::kMutex ? use_mutex(w, lock) : use_event(w, lock);
}

void SyntheticProgram::create_lock(std::uint32_t w, std::uint16_t choice) {
    std::uint32_t index = 0;
    while (locks_.contains(index) && locks_[index].image.identity != 0)
        ++index;
    if (index >= kLocksMax) return;
    inspect::WaitableImage image;
    image.index = index;
    image.operations = locks_[index].image.operations + 1;
    image.identity = next_lock_identity_++;
    image.kind = choice % 2 == 0 ? wire::WaitableKind::kMutex : wire::WaitableKind::kEvent;
    image.name = choice % 3 == 0 ? wire::kNone : 0;
    image.site = choice % 5;
    image.value = image.kind == wire::WaitableKind::kEvent ? choice / 16 % 2 : 0;
    image.limit = choice % 7;
    locks_[index] = {image, {}};
    emit(w, EventType::kWaitableCreate, index, static_cast<std::uint32_t>(image.kind),
         {{image.identity, wire::make_word1(image.name, image.operations)},
          {image.site, wire::make_word1(image.value, image.limit)}});
}

void SyntheticProgram::destroy_lock(std::uint32_t w, Lock& lock) {
    if (!lock.waiting.empty() || lock.image.owner != 0) return;
    ++lock.image.operations;
    emit(w, EventType::kWaitableDestroy, lock.image.index, wire::pack24(lock.image.operations, 0),
         {{lock.image.identity, 0}});
    lock.image.identity = 0;
}

void SyntheticProgram::changed(std::uint32_t w, Lock& lock, EventType type, std::uint64_t owner,
                               std::uint32_t value) {
    ++lock.image.operations;
    lock.image.owner = owner;
    lock.image.value = value;
    emit(w, type, lock.image.index, wire::pack24(lock.image.operations, 0), {{owner, value}});
}

void SyntheticProgram::wait_for(std::uint32_t w, Lock& lock) {
    lock.waiting.push_back(workers_[w].current);
    ++lock.image.waiting;
    suspend(w, wire::reason_of(lock.image.kind), lock.image.index, 0);
}

// Takes it, gives it back or over, or waits.
void SyntheticProgram::use_mutex(std::uint32_t w, Lock& mutex) {
    const std::uint64_t self = running(w).identity;
    if (mutex.image.owner == 0) return changed(w, mutex, EventType::kLockAcquire, self, 0);
    if (mutex.image.owner != self) return wait_for(w, mutex);
    changed(w, mutex, EventType::kLockRelease, 0, 0);
    if (mutex.waiting.empty()) return;
    const std::uint32_t next = mutex.waiting.front();
    mutex.waiting.erase(mutex.waiting.begin());
    --mutex.image.waiting;
    changed(w, mutex, EventType::kLockAcquire, coroutines_[next].identity, 0);
    wake(w, next, wire::WakeCause::kCoroutine);
}

// Waits for it, sets it when somebody waits, or resets it.
void SyntheticProgram::use_event(std::uint32_t w, Lock& event) {
    if (event.image.value != 0) return changed(w, event, EventType::kNotify, 0, 0);
    if (event.waiting.empty()) return wait_for(w, event);
    changed(w, event, EventType::kNotify, 0, 1);
    for (const std::uint32_t index : event.waiting)
        wake(w, index, wire::WakeCause::kCoroutine);
    event.waiting.clear();
    event.image.waiting = 0;
}

}  // namespace coroscope::traces
