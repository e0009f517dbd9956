// Quicksort that gives one part of each partition to another coroutine.
//
//   parallel_quicksort [COUNT]      sorts COUNT numbers; 300,000 where nothing is said
//
// Shows: fork and join. A coroutine costs less than a microsecond, so that work is divided where it arises, down to parts that
// are not worth one; the workers share them out among themselves. spawn() gives a handle, join() waits for it: what a handle's coroutine
// wrote before it ended can be read after join(). Nobody's references outlive the frames that they point to, because whoever spawned joins.
#include <cprime/cprime.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <span>
#include <vector>

namespace {

constexpr std::size_t kNotWorthACoroutine = 2000;  // numbers

// Puts what is less than the pivot before the others, and says how many that are; the pivot stands there.
std::size_t partition(std::span<std::uint32_t> numbers) {
    std::swap(numbers[numbers.size() / 2], numbers.back());
    const std::uint32_t pivot = numbers.back();
    const auto middle = std::partition(numbers.begin(), numbers.end() - 1,
                                       [pivot](std::uint32_t number) { return number < pivot; });
    std::iter_swap(middle, numbers.end() - 1);
    return static_cast<std::size_t>(middle - numbers.begin());
}

void sort(std::span<std::uint32_t> numbers) {
    std::vector<cprime::JoinHandle<void>> parts;
    while (numbers.size() > kNotWorthACoroutine) {
        const std::size_t middle = partition(numbers);
        parts.push_back(cprime::spawn("part", [less = numbers.first(middle)] { sort(less); }));
        numbers = numbers.subspan(middle + 1);
    }
    std::sort(numbers.begin(), numbers.end());
    for (auto& part : parts)
        part.join();
}

std::vector<std::uint32_t> shuffled(std::size_t count) {
    std::vector<std::uint32_t> numbers(count);
    std::uint32_t state = 1;
    for (std::uint32_t& number : numbers)
        number = state = state * 1664525 + 1013904223;
    return numbers;
}

}  // namespace

int main(int argument_count, char** arguments) {
    const std::size_t count = argument_count > 1 ? std::strtoul(arguments[1], nullptr, 10) : 300'000;
    const std::vector<std::uint32_t> before = shuffled(count);
    std::vector<std::uint32_t> after = before;
    cprime::run([&after] { sort(after); });
    const auto sum = [](const std::vector<std::uint32_t>& of) {
        return std::accumulate(of.begin(), of.end(), std::uint64_t{0});
    };
    if (!std::is_sorted(after.begin(), after.end())) {
        std::printf("parallel_quicksort: the numbers are not in order\n");
        return 1;
    }
    if (sum(after) != sum(before)) {
        std::printf("parallel_quicksort: these are not the numbers that were to be sorted\n");
        return 1;
    }
    std::printf("%zu numbers are in order\n", after.size());
    return 0;
}
