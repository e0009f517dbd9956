// Two unwinders that know nothing of each other walk the running stack.
#define UNW_LOCAL_ONLY
#include <libunwind.h>
#include <unwind.h>

#include "torture.h"

namespace cprime::test {

int frames_by_libgcc() {
    int count = 0;
    _Unwind_Backtrace(
        [](_Unwind_Context* context, void* counter) {
            if (_Unwind_GetIP(context) != 0) ++*static_cast<int*>(counter);
            return _URC_NO_REASON;
        },
        &count);
    return count;
}

int frames_by_libunwind() {
    unw_context_t context;
    unw_cursor_t cursor;
    unw_getcontext(&context);
    unw_init_local(&cursor, &context);
    int count = 1;
    while (unw_step(&cursor) > 0)
        ++count;
    return count;
}

}  // namespace cprime::test
