// A server with a thousand clients that wait, told what to do by signals.
//
//   graceful_server           plays its own operator: asks for statistics, then for the end
//   graceful_server --serve   waits for yours: kill -USR1 PID prints statistics, kill -TERM PID (or Ctrl-C) drains it
//
// Shows: handlers that are coroutines. SIGUSR1 sends the operator's question down a channel, and whoever has the numbers answers; the handler
// touches nothing of the server's. It is registered between the Runtime and its run, before the first client. SIGTERM is the runtime's own:
// steps registered with at_shutdown() run while everybody still works, here "finish what has begun"; then who is left is asked to end. So each
// client that had asked gets its answer, and the program ends with 0.
//
// Each client is a coroutine on a Micro stack, parked in its receive() until the server has something for it.
#include <cprime/cprime.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>

namespace {

using namespace std::chrono_literals;

constexpr int kClients = 1000;

struct Server {
    cprime::Channel<int> requests{"requests", 64};   // a client's number
    cprime::Channel<int> answers{"answers", 0};      // one for whoever waits
    cprime::Channel<int> questions{"questions", 1};  // the operator's, by SIGUSR1
    cprime::Event draining{"draining"};
    std::atomic<int> waiting{0}, answered{0}, reports{0};
};

// Asks, and waits for the answer until there is one: which is only when the server drains.
void be_client(Server& server, int number) {
    if (!server.requests.send(number)) return;
    ++server.waiting;
    if (server.answers.receive()) ++server.answered;
    --server.waiting;
}

// Takes requests, and keeps them until it is told to finish.
void serve(Server& server) {
    int taken = 0;
    while (taken < kClients && server.requests.receive())
        ++taken;
    if (!server.draining.wait()) return;
    for (int number = 0; number < taken; ++number)
        server.answers.send(number);
}

// Prints what the operator asks for.
void report(Server& server) {
    while (auto asked_by = server.questions.receive()) {
        std::printf("asked by process %d: %d clients wait, %d have been answered\n", *asked_by,
                    server.waiting.load(), server.answered.load());
        std::fflush(stdout);
        ++server.reports;
    }
}

// What you would do at a terminal.
void play_operator(Server& server) {
    while (server.waiting < kClients)
        cprime::sleep_for(1ms);
    kill(getpid(), SIGUSR1);
    while (server.reports == 0)
        cprime::sleep_for(1ms);
    kill(getpid(), SIGTERM);
}

}  // namespace

int main(int argc, char** argv) {
    const bool waits_for_you = argc > 1 && std::strcmp(argv[1], "--serve") == 0;
    cprime::Runtime runtime({.workers = 2});
    Server server;
    cprime::signals().handle(
        SIGUSR1, [&server](const cprime::SignalInfo& signal) { server.questions.send(signal.sender); });
    runtime.run([&server, waits_for_you] {
        cprime::at_shutdown(
            10,
            [&server] {
                server.draining.set();
                while (server.answered < kClients && cprime::sleep_for(1ms)) {
                }
            },
            5s);
        cprime::spawn_detached("server", [&server] { serve(server); });
        cprime::spawn_detached("report", [&server] { report(server); });
        for (int number = 0; number < kClients; ++number) {
            cprime::spawn_detached({.name = "client", .size_class = cprime::size_class::micro},
                                   [&server, number] { be_client(server, number); });
        }
        if (!waits_for_you) return play_operator(server);
        std::printf("serving as process %d\n", getpid());
        std::fflush(stdout);
    });
    std::printf("drained: %d of %d clients were answered, %d wait\n", server.answered.load(), kClients,
                server.waiting.load());
    return server.answered == kClients && server.waiting == 0 ? 0 : 1;
}
