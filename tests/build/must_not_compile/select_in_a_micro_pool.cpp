// A pool of micro slots is not for selects.
// error: more than a micro slot
#include <cprime/cprime.h>

void body() {
    cprime::PatternPool<cprime::channel_pattern::receive_only, 2> pool;
#ifdef FORBIDDEN
    cprime::PatternPool<cprime::channel_pattern::select, 2> selects;
#endif
}
