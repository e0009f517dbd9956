// Call channels: answers find their callers; what is cancelled, dropped, late or left over is told.
#include <cprime/call_channel.h>

#include <memory>
#include <string>

#include "sync_fixture.h"

namespace cprime::test {
namespace {

INSTANTIATE_WITH_WORKERS(Synchronised);

using Numbers = CallChannelEnds<int, long>;
using Text = std::unique_ptr<std::string>;

TEST_P(Synchronised, every_caller_gets_the_answer_to_its_own_request) {
    run([] {
        auto [caller, server] = call_channel<int, long>("squares");
        std::vector<JoinHandle<void>> servers;
        for (int i = 0; i < 3; ++i) {
            servers.push_back(spawn("server", [server = server] {
                while (auto call = server.receive())
                    EXPECT_TRUE(call->reply(long{call->request} * call->request));
            }));
        }
        server.reset();
        std::vector<JoinHandle<void>> callers;
        for (int c = 0; c < 10; ++c) {
            callers.push_back(spawn("caller", [caller = caller, c] {
                for (int i = 0; i < kRounds / 10; ++i) {
                    const long number = long{c} * kRounds + i;
                    const auto square = caller.call(static_cast<int>(number));
                    ASSERT_TRUE(square);
                    ASSERT_EQ(*square, static_cast<int>(number) * number);
                }
            }));
        }
        caller.reset();
        for (auto& one : callers)
            EXPECT_TRUE(one.join());
        for (auto& one : servers)
            EXPECT_TRUE(one.join()) << "with the last caller the servers end";
    });
}

TEST_P(Synchronised, requests_and_answers_may_be_objects) {
    run([] {
        auto [caller, server] = call_channel<Text, Text>("texts");
        auto serving = spawn("server", [server = std::move(server)] {
            while (auto call = server.receive())
                EXPECT_TRUE(call->reply(std::make_unique<std::string>(*call->request + "!")));
        });
        for (int i = 0; i < kRounds / 10; ++i) {
            auto answer = caller.call(std::make_unique<std::string>(std::to_string(i)));
            ASSERT_TRUE(answer);
            EXPECT_EQ(**answer, std::to_string(i) + "!");
        }
        caller.reset();
        EXPECT_TRUE(serving.join());
    });
}

TEST_P(Synchronised, calls_are_taken_in_order_and_answered_in_any) {
    run([] {
        auto [caller, server] = call_channel<int, int>();
        std::vector<JoinHandle<void>> callers;
        std::vector<Call<int, int>> taken;
        for (int i = 0; i < 5; ++i) {
            callers.push_back(spawn("caller", [caller = caller, i] {
                const auto answer = caller.call(i);
                ASSERT_TRUE(answer);
                EXPECT_EQ(*answer, -i);
            }));
            auto call = server.receive();
            ASSERT_TRUE(call);
            EXPECT_EQ(call->request, i);
            taken.push_back(*std::move(call));
        }
        EXPECT_EQ(server.try_receive().status(), Status::would_block);
        for (const int i : {3, 0, 4, 2, 1})
            EXPECT_TRUE(taken[static_cast<std::size_t>(i)].reply(-i));
        for (auto& one : callers)
            EXPECT_TRUE(one.join());
    });
}

TEST_P(Synchronised, a_call_that_is_let_go_unanswered_is_told_closed) {
    run([] {
        auto [caller, server] = call_channel<Text, int>();
        auto calling = spawn("caller", [caller = caller] {
            EXPECT_EQ(caller.call(std::make_unique<std::string>("x")).status(), Status::closed);
        });
        {
            auto call = server.receive();
            ASSERT_TRUE(call);
        }
        EXPECT_TRUE(calling.join());
    });
}

TEST_P(Synchronised, the_last_server_tells_all_who_were_not_taken_and_those_who_come_later) {
    run([] {
        auto [caller, server] = call_channel<int, int>();
        std::vector<JoinHandle<void>> callers;
        for (int i = 0; i < 3; ++i) {
            callers.push_back(spawn("caller", [caller = caller, i] {
                const auto answer = caller.call(i);
                EXPECT_EQ(answer.status(), i == 0 ? Status::ok : Status::closed);
            }));
        }
        auto first = server.receive();
        while (first && first->request != 0) {  // with several workers they come in any order
            first = server.receive();
        }
        ASSERT_TRUE(first);
        server.reset();
        EXPECT_EQ(caller.call(9).status(), Status::closed);
        EXPECT_TRUE(first->reply(1)) << "who was taken is answered all the same";
        for (auto& one : callers)
            EXPECT_TRUE(one.join());
    });
}

TEST_P(Synchronised, a_cancelled_caller_keeps_what_nobody_took) {
    run([] {
        auto [caller, server] = call_channel<Text, int>();
        auto calling = spawn("caller", [caller = caller] {
            auto text = std::make_unique<std::string>("mine");
            EXPECT_EQ(caller.call(std::move(text)).status(), Status::cancelled);
            ASSERT_NE(text, nullptr);
            EXPECT_EQ(*text, "mine");
        });
        calling.cancel();
        EXPECT_TRUE(calling.join());
        EXPECT_EQ(server.try_receive().status(), Status::would_block);
    });
}

TEST_P(Synchronised, a_reply_to_who_was_cancelled_or_ran_out_of_time_does_nothing) {
    run([] {
        auto [caller, server] = call_channel<int, Text>();
        auto calling = spawn("caller", [caller = caller] {
            EXPECT_EQ(caller.call(1).status(), Status::cancelled);
            EXPECT_EQ(caller.call(2).status(), Status::cancelled) << "and so does each that would wait";
        });
        auto call = server.receive();
        ASSERT_TRUE(call);
        calling.cancel();
        EXPECT_TRUE(calling.join());
        EXPECT_EQ(call->reply(std::make_unique<std::string>("late")).status(), Status::closed);

        auto impatient = spawn("caller", [caller = caller] {
            EXPECT_EQ(caller.call_for(3, 100ms).status(), Status::timed_out);  // time enough to be taken, not to be answered
            const auto second = caller.call(4);  // the same frame, another call
            ASSERT_TRUE(second);
            EXPECT_EQ(**second, "four");
        });
        auto third = server.receive();
        ASSERT_TRUE(third);
        auto fourth = server.receive();
        ASSERT_TRUE(fourth);
        EXPECT_EQ(third->reply(std::make_unique<std::string>("three")).status(), Status::closed);
        EXPECT_TRUE(fourth->reply(std::make_unique<std::string>("four")));
        EXPECT_TRUE(impatient.join());
    });
}

TEST_P(Synchronised, cancelling_while_calls_are_taken_and_answered_loses_nobody) {
    run([] {
        auto [caller, server] = call_channel<Text, Text>("storm");
        std::atomic<int> ended{0};
        auto serving = spawn("server", [server = std::move(server)] {
            while (auto call = server.receive()) {
                static_cast<void>(yield());
                static_cast<void>(call->reply(std::move(call->request)));
            }
        });
        for (int i = 0; i < kRounds / 5; ++i) {
            auto calling = spawn("caller", [caller = caller, &ended] {
                const auto answer = caller.call_for(std::make_unique<std::string>("x"), 50us);
                EXPECT_NE(answer.status(), Status::closed);
                if (answer) {
                    EXPECT_EQ(**answer, "x");
                }
                ++ended;
            });
            if (i % 3 == 0) static_cast<void>(yield());
            if (i % 2 == 0) calling.cancel();
            EXPECT_TRUE(calling.join());
        }
        caller.reset();
        EXPECT_TRUE(serving.join());
        EXPECT_EQ(ended, kRounds / 5);
    });
}

TEST_P(Synchronised, a_server_that_waits_can_be_cancelled_and_runs_out_of_time) {
    run([] {
        auto [caller, server] = call_channel<int, int>();
        EXPECT_EQ(server.receive_for(1ms).status(), Status::timed_out);
        auto serving = spawn("server",
                             [server = server] { EXPECT_EQ(server.receive().status(), Status::cancelled); });
        serving.cancel();
        EXPECT_TRUE(serving.join());
        caller.reset();
        EXPECT_EQ(server.receive().status(), Status::closed);
    });
}

TEST_P(Synchronised, threads_call_and_serve) {
    Runtime runtime({.workers = GetParam()});
    auto [caller, server] = call_channel<int, int>();
    auto [back_caller, back_server] = call_channel<int, int>();
    std::thread thread([caller = std::move(caller), back_server = std::move(back_server)] {
        const auto answer = caller.call(20);
        ASSERT_TRUE(answer);
        EXPECT_EQ(*answer, 21);
        auto call = back_server.receive();
        ASSERT_TRUE(call);
        EXPECT_TRUE(call->reply(call->request + 1));
    });
    runtime.run([&] {
        auto call = server.receive();
        ASSERT_TRUE(call);
        EXPECT_TRUE(call->reply(call->request + 1));
        const auto answer = back_caller.call(40);
        ASSERT_TRUE(answer);
        EXPECT_EQ(*answer, 41);
    });
    thread.join();
}

TEST(CallChannelOfTheRuntimeBefore, is_closed) {
    std::optional<Numbers> numbers;
    {
        Runtime runtime({.workers = 1});
        numbers.emplace(call_channel<int, long>());
    }
    Runtime runtime({.workers = 1});
    runtime.run([&] {
        EXPECT_EQ(numbers->caller.call(1).status(), Status::closed);
        EXPECT_EQ(numbers->server.receive().status(), Status::closed);
    });
}

}  // namespace
}  // namespace cprime::test
