// Coroutines that a Micro stack must hold at every level of optimisation: this file is compiled once for each, under its own name.
#include "micro_body.h"

#define CONCATENATE_(a, b) a##b
#define CONCATENATE(a, b) CONCATENATE_(a, b)

namespace cprime::test {

MicroBodies CONCATENATE(micro_bodies_, MICRO_LEVEL)() {
    return {
        .sum = [](const Receiver<int>& in, std::atomic<long>& sum) -> JoinHandle<void> {
            return spawn({.name = "sum", .size_class = size_class::micro}, [in, &sum] {
                while (auto number = in.receive())
                    sum += *number;
            });
        },
        .count = [](const Sender<int>& out, int items) -> JoinHandle<void> {
            return spawn({.name = "count", .size_class = size_class::micro}, [out, items] {
                for (int i = 0; i < items; ++i) {
                    if (!out.send(i)) return;
                }
            });
        },
        .add_locked = [](LockedCount& locked, int rounds) -> JoinHandle<void> {
            return spawn({.name = "add", .size_class = size_class::micro}, [&locked, rounds] {
                for (int i = 0; i < rounds; ++i) {
                    if (!locked.mutex.lock()) return;
                    ++locked.count;
                    locked.mutex.unlock();
                }
            });
        },
        .add_permitted = [](PermittedCount& permitted, int rounds) -> JoinHandle<void> {
            return spawn({.name = "add", .size_class = size_class::micro}, [&permitted, rounds] {
                for (int i = 0; i < rounds; ++i) {
                    if (!permitted.permits.acquire()) return;
                    ++permitted.count;
                    permitted.permits.release();
                }
            });
        },
    };
}

}  // namespace cprime::test
