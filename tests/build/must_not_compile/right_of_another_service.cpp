// A right of one service is none of another.
// error: derives from View<Service>|constraints|no matching
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
struct Printer {};
struct PrintOps : cprime::View<Printer> {};
void body(const cprime::Handle<Database, AdminOps>& admin) {
    auto reader = admin.cast<ReadOps>();
#ifdef FORBIDDEN
    auto printer = admin.cast<PrintOps>();
#endif
}
