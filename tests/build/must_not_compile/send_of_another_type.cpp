// A channel carries one type.
// error: no matching|could not convert|cannot bind|conversion|invalid
#include <cprime/cprime.h>

#include <memory>
#include <string>
#include <utility>

void body(const cprime::Sender<std::unique_ptr<int>>& out) {
    out.send(std::make_unique<int>(1));
#ifdef FORBIDDEN
    out.send(1);
#endif
}
