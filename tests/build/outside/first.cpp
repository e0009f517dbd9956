// The smallest whole program: a coroutine that sends, one that receives, and a join.
#include <cprime/cprime.h>

#include <cstdio>
#include <utility>

int main() {
    cprime::run([] {
        auto [sender, receiver] = cprime::make_channel<int>("numbers", 4);
        auto producer = cprime::spawn("producer", [out = std::move(sender)]() mutable {
            for (int i = 1; i <= 4; ++i)
                out.send(i);
        });
        int sum = 0;
        while (auto number = receiver.receive())
            sum += *number;
        producer.join();
        std::printf("sum %d\n", sum);
    });
}
