// A handle behind a pointer is a handle.
// error: beyond its pattern
#include <cprime/cprime.h>

void body(cprime::Sender<int> out) {
    cprime::spawn_with<cprime::channel_pattern::send_only>(
        "ok", [](cprime::Sender<int>* to) { to->send(1); }, &out);
#ifdef FORBIDDEN
    cprime::spawn_with<cprime::channel_pattern::receive_only>(
        "not ok", [](cprime::Sender<int>* to) { to->send(1); }, &out);
#endif
}
