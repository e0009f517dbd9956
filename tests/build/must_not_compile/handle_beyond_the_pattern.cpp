// A send-only coroutine is handed nothing to receive from.
// error: beyond its pattern
#include <cprime/cprime.h>

void body(const cprime::Sender<int>& out, const cprime::Receiver<int>& in) {
    cprime::PatternPool<cprime::channel_pattern::send_only, 2> pool;
    pool.spawn(
        "ok", [](const cprime::Sender<int>& to) { to.send(1); }, out);
#ifdef FORBIDDEN
    pool.spawn(
        "not ok", [](const cprime::Receiver<int>& from) { static_cast<void>(from.receive()); }, in);
#endif
}
