// Raises, recovers, notifies, faults and gets signals, and says as one line of JSON how many events of each type that makes, and what became of the
// signals: what a recording of it must say, too.
#include <cprime/cprime.h>

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <stdexcept>
#include <vector>

namespace {

using cprime::signals;

struct Smoke {
    int floor = 0;
};
struct Evacuation {};
struct Drill {
    int number = 0;
};
struct Noise {};

struct Events {
    long raise = 0, recover = 0, signal = 0, handled = 0, dropped = 0, fault = 0;
} g_made;

volatile int* volatile g_nowhere = nullptr;

template <typename Condition>
void yield_until(Condition condition) {
    while (!condition())
        static_cast<void>(cprime::yield());
}

void recover_at_once(int times) {
    for (int i = 0; i < times; ++i) {
        cprime::catch_signals<Smoke>([i] { cprime::raise(Smoke{i}); }).recover([](const Smoke&) {});
    }
    g_made.raise += times;
    g_made.recover += times;
}

void recover_by_another(int times) {
    for (int i = 0; i < times; ++i) {
        cprime::catch_signals<Evacuation>([i] {
            cprime::catch_signals<Smoke>([i] { cprime::raise(Smoke{i}); }).recover([](const Smoke&) {
                cprime::raise(Evacuation());
            });
        }).recover([](const Evacuation&) {});
    }
    g_made.raise += 2 * times;
    g_made.recover += 2 * times;
}

// Of ten, one throws and one faults.
void answer_drills(int notified, int raised) {
    signals().handle<Drill>([](const Drill& drill) {
        if (drill.number % 10 == 3) throw std::runtime_error("the door is locked");
        if (drill.number % 10 == 7) *g_nowhere = 1;
    });
    for (int i = 0; i < notified; ++i)
        cprime::notify(Drill{i});
    for (int i = 0; i < raised; ++i)
        cprime::spawn_detached("raises", [] { cprime::raise(Drill()); });
    yield_until([&] { return signals().count<Drill>().finished == static_cast<unsigned>(notified + raised); });
    g_made.signal += notified + raised;
    g_made.handled += notified + raised;
    g_made.raise += raised;
    g_made.fault += notified / 10;
}

void drop(int times) {
    for (int i = 0; i < times; ++i)
        cprime::notify(Noise());
    g_made.dropped += times;
}

void queue(int times) {
    signals().handle(
        SIGRTMIN, [](const cprime::SignalInfo&) {}, cprime::SignalComplexity::micro);
    for (int i = 0; i < times; ++i)
        sigqueue(getpid(), SIGRTMIN, {.sival_int = i});
    yield_until([&] { return signals().count(SIGRTMIN).finished == static_cast<unsigned>(times); });
    g_made.signal += times;
    g_made.handled += times;
}

void fault(int times) {
    for (int i = 0; i < times; ++i) {
        try {
            cprime::spawn("faulty", [] { *g_nowhere = 1; }).join();
        } catch (const cprime::Fault&) {
            ++g_made.fault;
        }
    }
}

void print(const char* name, const cprime::SignalCounts& counts, const char* behind) {
    std::printf(
        "\"%s\": {\"arrived\": %llu, \"delivered\": %llu, \"finished\": %llu, \"failed\": %llu, \"lost\": "
        "%llu}%s",
        name, static_cast<unsigned long long>(counts.arrived),
        static_cast<unsigned long long>(counts.delivered), static_cast<unsigned long long>(counts.finished),
        static_cast<unsigned long long>(counts.failed), static_cast<unsigned long long>(counts.lost), behind);
}

}  // namespace

int main() {
    cprime::Runtime runtime({.workers = 2, .faults = {.policy = cprime::FaultPolicy::abandon}});
    runtime.run([] {
        recover_at_once(300);
        recover_by_another(100);
        answer_drills(200, 50);
        drop(30);
        queue(100);
        fault(10);
    });
    std::printf(
        "{\"events\": {\"raise\": %ld, \"recover\": %ld, \"signal\": %ld, \"signal-handled\": %ld, "
        "\"signal-dropped\": %ld, \"fault\": %ld}, \"counts\": {",
        g_made.raise, g_made.recover, g_made.signal, g_made.handled, g_made.dropped, g_made.fault);
    print("Smoke", signals().count<Smoke>(), ", ");
    print("Evacuation", signals().count<Evacuation>(), ", ");
    print("Drill", signals().count<Drill>(), ", ");
    print("Noise", signals().count<Noise>(), ", ");
    print("SIGRTMIN", signals().count(SIGRTMIN), ", ");
    print("SIGSEGV", signals().count(SIGSEGV), "}}\n");
    return 0;
}
