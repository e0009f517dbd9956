/* The tracepoint that is compared with an event: two integers, as in an event of 16 bytes. LTTng's own pattern for such a header. */
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER coroscope_bench

#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "lttng/bench_tracepoint.h"

#ifdef LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ /* LTTng reads it several times, each for another part */
#undef COROSCOPE_BENCH_LTTNG_TRACEPOINT_H
#endif
#ifndef COROSCOPE_BENCH_LTTNG_TRACEPOINT_H
#define COROSCOPE_BENCH_LTTNG_TRACEPOINT_H

#include <lttng/tracepoint.h>

#include <stdint.h>

LTTNG_UST_TRACEPOINT_EVENT(coroscope_bench, resume, LTTNG_UST_TP_ARGS(uint32_t, coroutine, uint32_t, sequence),
                           LTTNG_UST_TP_FIELDS(lttng_ust_field_integer(uint32_t, coroutine, coroutine)
                                                   lttng_ust_field_integer(uint32_t, sequence, sequence)))

#endif

#include <lttng/tracepoint-event.h>
