// What a coroutine with a pattern uses is in its arguments.
// error: captures nothing
#include <cprime/cprime.h>

void body(const cprime::Sender<int>& out) {
    cprime::spawn_with(
        "ok", [](const cprime::Sender<int>& to) { to.send(1); }, out);
#ifdef FORBIDDEN
    cprime::spawn_with("not ok", [out] { out.send(1); });
#endif
}
