// A receiver does not send.
// error: no match|has no member|inaccessible|protected
#include <cprime/cprime.h>

void body(const cprime::Receiver<int>& in) {
    auto item = in.receive();
#ifdef FORBIDDEN
    in.send(1);
#endif
}
