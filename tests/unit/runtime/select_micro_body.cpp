// A select of two arms that a Micro stack must hold in optimised code: this file is compiled once for each level, under its own name.
#include "select_micro_body.h"

#define CONCATENATE_(a, b) a##b
#define CONCATENATE(a, b) CONCATENATE_(a, b)

namespace cprime::test {

MicroChoice CONCATENATE(micro_choice_, MICRO_LEVEL)() {
    return [](const Receiver<int>& a, const Receiver<int>& b, std::atomic<long>& sum) -> JoinHandle<void> {
        return spawn({.name = "choose", .size_class = size_class::micro},
                     [a = Receiver<int>(a), b = Receiver<int>(b), &sum]() mutable {
                         while (a || b) {
                             int item = 0;
                             const Selected fired = select(on_receive(a, item), on_receive(b, item));
                             if (fired) {
                                 sum += item;
                             } else if (fired.arm == 0) {
                                 a.reset();
                             } else if (fired.arm == 1) {
                                 b.reset();
                             } else {
                                 return;
                             }
                         }
                     });
    };
}

}  // namespace cprime::test
