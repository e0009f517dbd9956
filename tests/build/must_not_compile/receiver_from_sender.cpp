// A handle of one side is not made from one of the other.
// error: could not convert|no matching|conversion
#include <cprime/cprime.h>

void body(const cprime::Sender<int>& out, const cprime::Channel<int>& both) {
    cprime::Receiver<int> in = both;
#ifdef FORBIDDEN
    cprime::Receiver<int> other = out;
#endif
}
