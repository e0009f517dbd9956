// A server takes calls and makes none.
// error: has no member
#include <cprime/cprime.h>

void body(const cprime::Server<int, int>& server, const cprime::Caller<int, int>& caller) {
    auto call = server.receive();
    auto answer = caller.call(1);
#ifdef FORBIDDEN
    auto other = server.call(1);
#endif
}
