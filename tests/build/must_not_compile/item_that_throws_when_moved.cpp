// What a channel carries moves without throwing.
// error: movable and destructible without throwing
#include <cprime/cprime.h>

struct Plain {
    int number;
};
struct Throwing {
    Throwing() = default;
    Throwing(Throwing&&) noexcept(false) {}
};
void body() {
    cprime::Channel<Plain> plain("plain");
#ifdef FORBIDDEN
    cprime::Channel<Throwing> throwing("throwing");
#endif
}
