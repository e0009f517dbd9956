// Offsets shared by the assembly switch and the C++ records; coroutine.h asserts that they are true.
#pragma once

#define COROSCOPE_COROUTINE_SEQUENCE 0
#define COROSCOPE_COROUTINE_STATE 4  // and the reason beside it
#define COROSCOPE_COROUTINE_POOL 6
#define COROSCOPE_COROUTINE_FLAGS 7
#define COROSCOPE_COROUTINE_RSP 8
#define COROSCOPE_COROUTINE_RIP 16
#define COROSCOPE_COROUTINE_CAUGHT 40
#define COROSCOPE_COROUTINE_UNCAUGHT 48
#define COROSCOPE_COROUTINE_STATE_YIELDED 0x0102     // kReady, kYield
#define COROSCOPE_COROUTINE_STATE_RUNNING 0x0003     // kRunning, kNothing
#define COROSCOPE_COROUTINE_FLAGS_UNUSUAL 0x0d       // cancel requested, special, segments
#define COROSCOPE_COROUTINE_FLAG_NEVER_RAN 0x20
#define COROSCOPE_WORKER_CURRENT 8
#define COROSCOPE_WORKER_SWITCHES 80
#define COROSCOPE_SAVED_FRAME_RETURN 56
