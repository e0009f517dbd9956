/* Offsets and sizes that the C wrappers of co.h and the C++ runtime must agree on. co_layout.c checks the C side, co.cpp the other. */
#ifndef CPRIME_CO_LAYOUT_H
#define CPRIME_CO_LAYOUT_H

#define CPRIME_CO_YIELD_STATUS 0
#define CPRIME_CO_YIELD_BYTES 1
#define CPRIME_CO_SLEEP_DURATION 0
#define CPRIME_CO_SLEEP_STATUS 8
#define CPRIME_CO_SLEEP_BYTES 16
#define CPRIME_CO_JOIN_COROUTINE 0
#define CPRIME_CO_JOIN_IDENTITY 8
#define CPRIME_CO_JOIN_STATUS 16
#define CPRIME_CO_JOIN_BYTES 56 /* at least what the runtime's own request takes */
#define CPRIME_CO_PLACE_FILE 0
#define CPRIME_CO_PLACE_FUNCTION 8
#define CPRIME_CO_PLACE_LINE 16
#define CPRIME_CO_PLACE_COLUMN 20

#endif
