// Offsets and numbers of stack segments that assembly and C++ share; stack_segment.h asserts that they are true.
#pragma once

// %fs:112 holds the limit of the running stack: where GCC's -fsplit-stack looks for it, and glibc keeps a word for it.
#define COROSCOPE_STACK_LIMIT_TLS 112
// What may be pushed below a limit without asking: a park's frame, or a growth's.
#define COROSCOPE_ROOM_BELOW_LIMIT 64
// What a call from growable into ordinary code asks for; the linker's adjust size.
#define COROSCOPE_ORDINARY_CALL_BYTES 6144
// From a limit downwards.
#define COROSCOPE_SEGMENT_NEXT (-72)
#define COROSCOPE_SEGMENT_TOP (-80)
#define COROSCOPE_SEGMENT_CAPACITY (-88)
#define COROSCOPE_SEGMENT_PREVIOUS_RSP (-96)
