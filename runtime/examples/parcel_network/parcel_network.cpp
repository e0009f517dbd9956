// A simulation of discrete events: tens of thousands of parcels and some hundred trucks, each a coroutine, live through a day or two.
//
//   parcel_network [--seed N] [--parcels N]
//
// Shows: agents whose lives are told in the order in which they happen (agents.cpp): a parcel is posted, waits for a machine that sorts it, waits for
// a truck, is driven, is sorted again. Nobody is an entry in a table of states. They wait in virtual time (virtual_time.h), which is made of
// suspend(), resume() and one event, and in queues of the network's own.
//
// The spawn of a parcel says nothing of its stack: it gets the default, 16 KiB, until `coroscope sizes` has seen it. The last line on stdout is
// JSON (measured/footprint.h); "result" hashes when each parcel arrived. Exit code 1: somebody was faster than the trucks.
#include <cprime/cprime.h>

#include <cstdint>
#include <cstdio>
#include <optional>
#include <vector>

#include "../measured/footprint.h"
#include "../measured/numbers_said.h"
#include "../measured/random.h"
#include "agents.h"
#include "network.h"
#include "virtual_time.h"

namespace {

using parcels::Network;

struct Options {
    std::uint64_t seed = 1, parcels = 20'000;
};

bool run_network(const Options& options, std::optional<measured::Footprint>& footprint, std::uint64_t& result) {
    const auto count = static_cast<std::uint32_t>(options.parcels);
    parcels::VirtualTime time(count + Network::kLines);
    Network network(time, options.seed, count + Network::kLines);
    std::vector<parcels::Parcel> all;
    for (std::uint32_t me = 0; me < count; ++me)
        all.emplace_back(network, time, me, measured::drawn(options.seed, me, 0));
    std::vector<parcels::Truck> trucks;
    for (std::uint32_t line = 0; line < Network::kLines; ++line) {
        trucks.emplace_back(network, time, count + line, line, count);
        time.wake(count + line, network.period_of(line) / 2);
    }
    footprint.emplace();

    for (parcels::Parcel& parcel : all)
        time.add(cprime::spawn("parcel", [&parcel] { parcel.live(); }));
    for (parcels::Truck& truck : trucks)
        time.add(cprime::spawn("truck", [&truck] { truck.live(); }));
    footprint->look();
    if (!time.run()) return false;

    std::uint64_t seconds = 0;
    for (const parcels::Parcel& parcel : all) {
        if (parcel.delivered() < parcel.posted() + parcel.least()) {
            std::printf("parcel_network: a parcel that was posted at %u arrived at %u\n", parcel.posted(),
                        parcel.delivered());
            return false;
        }
        seconds += parcel.delivered() - parcel.posted();
        result = measured::mixed(result + parcel.delivered());
    }
    std::printf("%u parcels took %llu minutes each, in %llu truck loads and %llu events\n",
                network.delivered(), static_cast<unsigned long long>(seconds / 60 / count),
                static_cast<unsigned long long>(network.truck_loads()),
                static_cast<unsigned long long>(time.events()));
    return network.delivered() == count;
}

}  // namespace

int main(int argument_count, char** arguments) {
    Options options;
    measured::read_numbers(argument_count, arguments,
                           {{"--seed", options.seed, 0, ~0ULL}, {"--parcels", options.parcels, 1, 1'000'000}});
    cprime::Runtime runtime;
    std::optional<measured::Footprint> footprint;
    std::uint64_t result = 0;
    const bool good = runtime.run([&] { return run_network(options, footprint, result); });
    std::printf("%s\n", footprint->json(result, runtime).c_str());
    return good ? 0 : 1;
}
