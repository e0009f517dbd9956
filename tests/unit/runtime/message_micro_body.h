// See message_micro_body.cpp.
#pragma once

#include <cprime/broadcast.h>
#include <cprime/call_channel.h>
#include <cprime/cancel_token.h>

#include <atomic>

namespace cprime::test {

struct MessageMicroBodies {
    // Adds up the answers to so many calls.
    JoinHandle<void> (*call)(const Caller<int, int>& caller, int calls, std::atomic<long>& sum);
    // Answers each call with the next number; on a small stack.
    JoinHandle<void> (*serve)(const Server<int, int>& server);
    JoinHandle<void> (*publish)(const Broadcast<int>& numbers, int items);
    JoinHandle<void> (*read)(Subscriber<int>& inbox, std::atomic<long>& sum);
    // Adds one when the token is cancelled.
    JoinHandle<void> (*watch)(const CancelToken& token, std::atomic<long>& sum);
};
MessageMicroBodies message_micro_bodies_Og();
MessageMicroBodies message_micro_bodies_O1();
MessageMicroBodies message_micro_bodies_O2();
MessageMicroBodies message_micro_bodies_O3();

}  // namespace cprime::test
