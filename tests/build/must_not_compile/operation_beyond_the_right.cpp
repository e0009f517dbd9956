// A handle offers what its right may, and no more.
// error: has no member named .clear
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
    admin->clear();
    int rows = reader->rows();
#ifdef FORBIDDEN
    reader->clear();
#endif
}
