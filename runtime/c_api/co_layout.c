/* The C side of co_layout.h: <cprime/co.h> compiles as C99 and lies in memory as the runtime believes. */
#include "runtime/c_api/co_layout.h"

#include <cprime/co.h>
#include <stddef.h>

#define CO_ASSERT(name, condition) typedef char co_assert_##name[(condition) ? 1 : -1]

CO_ASSERT(yield_status, offsetof(struct co_yield_call, status) == CPRIME_CO_YIELD_STATUS);
CO_ASSERT(yield_bytes, sizeof(struct co_yield_call) == CPRIME_CO_YIELD_BYTES);
CO_ASSERT(sleep_duration, offsetof(struct co_sleep_call, duration_ns) == CPRIME_CO_SLEEP_DURATION);
CO_ASSERT(sleep_status, offsetof(struct co_sleep_call, status) == CPRIME_CO_SLEEP_STATUS);
CO_ASSERT(sleep_bytes, sizeof(struct co_sleep_call) == CPRIME_CO_SLEEP_BYTES);
CO_ASSERT(join_coroutine, offsetof(struct co_join_call, coroutine) == CPRIME_CO_JOIN_COROUTINE);
CO_ASSERT(join_identity, offsetof(struct co_join_call, identity) == CPRIME_CO_JOIN_IDENTITY);
CO_ASSERT(join_status, offsetof(struct co_join_call, status) == CPRIME_CO_JOIN_STATUS);
CO_ASSERT(join_bytes, sizeof(struct co_join_call) == CPRIME_CO_JOIN_BYTES);
CO_ASSERT(place_file, offsetof(struct co_place, file) == CPRIME_CO_PLACE_FILE);
CO_ASSERT(place_function, offsetof(struct co_place, function) == CPRIME_CO_PLACE_FUNCTION);
CO_ASSERT(place_line, offsetof(struct co_place, line) == CPRIME_CO_PLACE_LINE);
CO_ASSERT(place_column, offsetof(struct co_place, column) == CPRIME_CO_PLACE_COLUMN);
