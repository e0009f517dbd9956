// Rights are narrowed, never widened.
// error: could not convert|conversion|no matching
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
    cprime::Handle<Database, ReadOps> narrowed = admin;
#ifdef FORBIDDEN
    cprime::Handle<Database, AdminOps> widened = reader;
#endif
}
