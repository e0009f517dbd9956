// A version of a snapshot does not change.
// error: discards qualifiers|not marked const
#include <cprime/cprime.h>

#include <memory>
#include <string>
#include <utility>

void body(cprime::Snapshot<std::string>& name) {
    const auto now = name.read();
    auto length = now->size();
#ifdef FORBIDDEN
    now->clear();
#endif
}
