// An arm of a select has the rights of its handle.
// error: no matching function
#include <cprime/cprime.h>

void body(const cprime::Sender<int>& out, const cprime::Receiver<int>& in) {
    int item = 0;
    cprime::select(cprime::on_receive(in, item), cprime::on_send(out, item));
#ifdef FORBIDDEN
    cprime::select(cprime::on_receive(out, item));
#endif
}
