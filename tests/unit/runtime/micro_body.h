// See micro_body.cpp.
#pragma once

#include <cprime/cprime.h>

#include <atomic>

namespace cprime::test {

struct LockedCount {
    Mutex mutex{"mutex"};
    long count = 0;
};
struct PermittedCount {
    Semaphore permits{0, "permits"};
    long count = 0;
};

struct MicroBodies {
    JoinHandle<void> (*sum)(const Receiver<int>& in, std::atomic<long>& sum);
    JoinHandle<void> (*count)(const Sender<int>& out, int items);
    // Each adds to `count` so often: with the mutex held, and with a permit.
    JoinHandle<void> (*add_locked)(LockedCount& locked, int rounds);
    JoinHandle<void> (*add_permitted)(PermittedCount& permitted, int rounds);
};
MicroBodies micro_bodies_O0();
MicroBodies micro_bodies_Og();
MicroBodies micro_bodies_O1();
MicroBodies micro_bodies_O2();
MicroBodies micro_bodies_O3();

}  // namespace cprime::test
