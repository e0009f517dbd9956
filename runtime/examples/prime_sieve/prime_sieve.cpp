// Primes from a chain of coroutines: each keeps the first number that reaches it, a prime, and lets through what that does not divide.
//
//   prime_sieve [COUNT]      the first COUNT primes; 100 where nothing is said
//
// Shows: ends of channels moved into the coroutines that use them, a chain that grows while it runs, and how it ends by itself. Whoever reads
// the last channel drops its end; with its last receiver a channel closes, so the filter before it finds that nobody wants its numbers,
// returns, and drops its own ends. The wave runs back to the source, which would otherwise count for ever.
#include <cprime/cprime.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace {

void count_up(const cprime::Sender<int>& out) {
    for (int number = 2; out.send(number); ++number) {
    }
}

void filter(const cprime::Receiver<int>& in, const cprime::Sender<int>& out, int prime) {
    while (auto number = in.receive())
        if (*number % prime != 0 && !out.send(*number)) return;  // not sent: nobody reads any more
}

int last_of_the_first(int count) {
    auto [source, numbers] = cprime::make_channel<int>("numbers");
    cprime::spawn_detached("source", [out = std::move(source)] { count_up(out); });
    int prime = 0;
    for (int i = 0; i < count; ++i) {
        prime = *numbers.receive();
        auto sifted = cprime::make_channel<int>("sifted");
        cprime::spawn_detached("filter", [in = std::move(numbers), out = std::move(sifted.sender), prime] {
            filter(in, out, prime);
        });
        numbers = std::move(sifted.receiver);
    }
    return prime;
}

// The slow way, to compare with.
int expected(int count) {
    int number = 1;
    for (int found = 0; found < count;) {
        bool prime = ++number == 2 || number % 2 != 0;
        for (int divisor = 3; prime && divisor * divisor <= number; divisor += 2)
            prime = number % divisor != 0;
        found += prime ? 1 : 0;
    }
    return number;
}

}  // namespace

int main(int argument_count, char** arguments) {
    const int count = argument_count > 1 ? std::atoi(arguments[1]) : 100;
    const int prime = cprime::run([count] { return last_of_the_first(count); });
    if (prime != expected(count)) {
        std::printf("prime_sieve: prime number %d came out as %d, but is %d\n", count, prime, expected(count));
        return 1;
    }
    std::printf("prime number %d is %d\n", count, prime);
    return 0;
}
