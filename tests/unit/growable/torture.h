// Functions that want more stack than a Micro slot has, compiled as growable code at each level of optimisation (torture.cpp).
#pragma once

#include <cprime/cprime.h>

#include <atomic>
#include <span>

namespace cprime::test {

struct Body {
    const char* name;
    int expected;
    int (*run)();
};

struct Torture {
    const char* level;
    std::span<const Body> bodies;
    // A coroutine on a Micro slot, of a site of its own (`serial`), that runs the body.
    JoinHandle<int> (*spawn_micro)(const Body& body, unsigned serial);
    // One that passes the address of a local on, grows, and looks at what somebody else wrote there meanwhile.
    JoinHandle<int> (*spawn_shared_local)(const Sender<std::atomic<int>*>& out, const Receiver<int>& written,
                                          unsigned serial);
    // Adds up what it receives.
    JoinHandle<int> (*spawn_quiet)(const Receiver<int>& numbers, unsigned serial);
    // Parks `depth` growing frames deep until the gate closes; answers how many frames there were.
    JoinHandle<int> (*spawn_parked)(const Receiver<int>& gate, int depth, unsigned serial);
};

Torture torture_O0();
Torture torture_Og();
Torture torture_O2();
Torture torture_O3();
Torture torture_PIC();

// Ordinary code (ordinary.cpp), called by the bodies.
int ordinary_with_large_frame(int value);
int (*ordinary_by_pointer())(int value);
struct OrdinaryInterface {
    virtual ~OrdinaryInterface() = default;
    virtual int call(int value) = 0;
};
OrdinaryInterface& ordinary_object();

// What libgcc's unwinder and libunwind count from the running function to the end of its stack (walkers.cpp).
int frames_by_libgcc();
int frames_by_libunwind();

}  // namespace cprime::test
