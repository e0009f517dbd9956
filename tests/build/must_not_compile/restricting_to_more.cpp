// A handle is restricted to less than it may.
// error: no matching function
#include <cprime/cprime.h>

struct Database {
    int rows = 0;
};
struct ReadOps : cprime::View<Database> {
    int rows() const { return service().rows; }
};
struct AdminOps : ReadOps {
    void clear() const { service().rows = 0; }
};
void body(const cprime::Handle<Database, ReadOps>& reader, const cprime::Handle<Database, AdminOps>& admin) {
    auto less = admin.restrict<ReadOps>();
#ifdef FORBIDDEN
    auto more = reader.restrict<AdminOps>();
#endif
}
