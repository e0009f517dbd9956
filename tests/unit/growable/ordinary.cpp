// Ordinary code, which knows nothing of limits: it just uses 5,000 bytes.
#include "torture.h"

namespace cprime::test {

int ordinary_with_large_frame(int value) {
    volatile char frame[5000];
    for (volatile char& byte : frame)
        byte = static_cast<char>(value);
    int sum = 0;
    for (const volatile char& byte : frame)
        sum += byte;
    return sum;
}

int (*ordinary_by_pointer())(int value) {
    return ordinary_with_large_frame;
}

OrdinaryInterface& ordinary_object() {
    struct Object : OrdinaryInterface {
        int call(int value) override { return ordinary_with_large_frame(value); }
    };
    static Object object;
    return object;
}

}  // namespace cprime::test
