// A join handle is one coroutine's: it is moved, not copied.
// error: use of deleted function|deleted
#include <cprime/cprime.h>

#include <memory>
#include <string>
#include <utility>

void body(cprime::JoinHandle<void> handle) {
    cprime::JoinHandle<void> moved = std::move(handle);
#ifdef FORBIDDEN
    cprime::JoinHandle<void> copy = moved;
#endif
}
