// What a timeline consists of, and what a format does with it.
//
// Thread: values, and an interface for one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "traces/analyses/spans.h"

namespace coroscope::exports {

struct Track {
    enum class Kind : std::uint8_t { kWorker, kCoroutine, kThread, kZones, kThreadZones } kind = Kind::kCoroutine;
    std::uint64_t id = 0;  // worker, coroutine, or number of a thread that is no worker; zones: of whom
};

struct Slice {
    Track track;
    std::string name;
    const char* category = "";
    std::int64_t begin_ns = 0, end_ns = 0;
    std::uint64_t flow_in = 0;           // 0 = none
    std::uint64_t coroutine = 0;         // on a worker's track: whose identity
    std::uint32_t worker = wire::kNone;  // on a coroutine's track, running: on which
};
struct Instant {
    Track track;
    std::string name;
    const char* category = "";
    std::int64_t at_ns = 0;
    std::uint64_t flow_in = 0, flow_out = 0;  // 0 = none
};

// What a format does with it. A track is told before anything that stands on it.
class TimelineSink {
public:
    virtual ~TimelineSink() = default;
    virtual void track(const Track& track, const std::string& name) = 0;
    virtual void slice(const Slice& slice) = 0;
    virtual void instant(const Instant& instant) = 0;
    virtual void counter_track(std::size_t number, const std::string& name) = 0;
    virtual void counter(std::size_t number, std::int64_t at_ns, std::int64_t value) = 0;
    virtual void real_counter(std::size_t number, std::int64_t at_ns, double value) = 0;
};

// The track of a coroutine whose spawn was lost is told apart by its index.
Track track_of(const analyses::Life& life);

}  // namespace coroscope::exports
