// A select of two arms that a Micro stack must hold in optimised code: this file is compiled once for each level, under its own name. The handles
// lie elsewhere: beside two of them in the closure the frame of the select would not fit.
#include "select_micro_body.h"

#define CONCATENATE_(a, b) a##b
#define CONCATENATE(a, b) CONCATENATE_(a, b)

namespace cprime::test {

ChooseInMicro CONCATENATE(choose_in_micro_, MICRO_LEVEL)() {
    return [](MicroChoice& choice) -> JoinHandle<void> {
        return spawn({.name = "choose", .size_class = size_class::micro}, [&choice] {
            while (choice.a || choice.b) {
                int item = 0;
                const Selected fired = select(on_receive(choice.a, item), on_receive(choice.b, item));
                if (fired) {
                    choice.sum += item;
                } else if (fired.arm == 0) {
                    choice.a.reset();
                } else if (fired.arm == 1) {
                    choice.b.reset();
                } else {
                    return;
                }
            }
        });
    };
}

}  // namespace cprime::test
