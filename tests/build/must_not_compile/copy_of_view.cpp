// A view does not outlive its handle: it is not copied out.
// error: use of deleted function|deleted
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
void body(const cprime::Handle<Database, ReadOps>& reader) {
    const ReadOps* view = reader.operator->();
#ifdef FORBIDDEN
    ReadOps copy = *view;
#endif
}
