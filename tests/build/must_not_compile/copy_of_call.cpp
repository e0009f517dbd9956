// A call is answered once: it is moved, not copied.
// error: use of deleted function|deleted
#include <cprime/cprime.h>

#include <memory>
#include <string>
#include <utility>

void body(cprime::Call<int, int> call) {
    cprime::Call<int, int> moved = std::move(call);
#ifdef FORBIDDEN
    cprime::Call<int, int> copy = moved;
#endif
}
