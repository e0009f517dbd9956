// Calls, broadcasts and waits for a token, which a Micro stack must hold at each level of optimisation: this file is compiled once for each.
#include "message_micro_body.h"

#define CONCATENATE_(a, b) a##b
#define CONCATENATE(a, b) CONCATENATE_(a, b)

namespace cprime::test {

MessageMicroBodies CONCATENATE(message_micro_bodies_, MICRO_LEVEL)() {
    return {
        .call = [](const Caller<int, int>& caller, int calls, std::atomic<long>& sum) -> JoinHandle<void> {
            return spawn({.name = "call", .size_class = size_class::micro}, [&caller, calls, &sum] {
                for (int i = 0; i < calls; ++i) {
                    auto answer = caller.call(i);
                    if (!answer) return;
                    sum += *answer;
                }
            });
        },
        .serve = [](const Server<int, int>& server) -> JoinHandle<void> {
            return spawn({.name = "serve", .size_class = size_class::small}, [&server] {
                while (auto call = server.receive())
                    call->reply(call->request + 1);
            });
        },
        .publish = [](const Broadcast<int>& numbers, int items) -> JoinHandle<void> {
            return spawn({.name = "publish", .size_class = size_class::micro}, [&numbers, items] {
                for (int i = 0; i < items; ++i) {
                    if (!numbers.send(i)) return;
                }
            });
        },
        .read = [](Subscriber<int>& inbox, std::atomic<long>& sum) -> JoinHandle<void> {
            return spawn({.name = "read", .size_class = size_class::micro}, [&inbox, &sum] {
                while (auto number = inbox.receive())
                    sum += *number;
            });
        },
        .watch = [](const CancelToken& token, std::atomic<long>& sum) -> JoinHandle<void> {
            return spawn({.name = "watch", .size_class = size_class::micro}, [&token, &sum] {
                if (token.wait()) ++sum;
            });
        },
    };
}

}  // namespace cprime::test
