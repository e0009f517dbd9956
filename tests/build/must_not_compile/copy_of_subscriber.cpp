// A subscriber has one place: it is moved, not copied.
// error: use of deleted function|deleted
#include <cprime/cprime.h>

#include <memory>
#include <string>
#include <utility>

void body(cprime::Subscriber<int> inbox) {
    cprime::Subscriber<int> moved = std::move(inbox);
#ifdef FORBIDDEN
    cprime::Subscriber<int> copy = moved;
#endif
}
