// A sender does not receive.
// error: no match|has no member|inaccessible|protected
#include <cprime/cprime.h>

void body(const cprime::Sender<int>& out) {
    out.send(1);
#ifdef FORBIDDEN
    auto item = out.receive();
#endif
}
