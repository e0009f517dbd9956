// Offsets shared by the assembly switch and the C++ records; coroutine.h asserts that they are true.
#pragma once

#define COROSCOPE_COROUTINE_SEQUENCE 0
#define COROSCOPE_COROUTINE_RSP 8
#define COROSCOPE_COROUTINE_RIP 16
#define COROSCOPE_SAVED_FRAME_RETURN 56
