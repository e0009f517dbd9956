// A token looks and waits; only a source cancels.
// error: has no member
#include <cprime/cprime.h>

void body(const cprime::CancelSource& source, const cprime::CancelToken& token) {
    source.cancel();
    bool now = token.cancelled();
#ifdef FORBIDDEN
    token.cancel();
#endif
}
