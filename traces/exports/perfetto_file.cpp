// The timeline as Perfetto's protobuf: one Trace message, which is a series of TracePackets.
//
// Field numbers: protos/perfetto/trace/ of the Perfetto project (trace_packet, track_event, track_descriptor). Packets need no order in
// time: a slice is written when it ends. Times are nanoseconds since the program's runtime started, on the trace's default clock.
#include <bit>
#include <utility>

#include <fmt/format.h>

#include "traces/exports/formats.h"
#include "traces/exports/protobuf.h"
#include "traces/exports/timeline.h"

namespace coroscope::exports {
namespace {

namespace trace {
constexpr std::uint32_t kPacket = 1;
}
namespace packet {
constexpr std::uint32_t kTimestamp = 8, kSequenceId = 10, kTrackEvent = 11, kTrackDescriptor = 60;
}
namespace descriptor {
constexpr std::uint32_t kUuid = 1, kName = 2, kProcess = 3, kParentUuid = 5, kCounter = 8;
}
namespace process {
constexpr std::uint32_t kPid = 1, kName = 6;
}
namespace track_event {
constexpr std::uint32_t kAnnotations = 4, kType = 9, kTrackUuid = 11, kCategories = 22, kName = 23,
                        kCounterValue = 30, kDoubleCounterValue = 44, kFlowIds = 47, kTerminatingFlowIds = 48;
enum Type : std::uint64_t { kSliceBegin = 1, kSliceEnd = 2, kInstant = 3, kCounter = 4 };
}  // namespace track_event
namespace annotation {
constexpr std::uint32_t kUintValue = 3, kName = 10;
}

constexpr std::uint64_t kSequence = 1;  // all packets are of one writer
// Uuids of tracks: what kind, and which.
constexpr std::uint64_t kProcessUuid = 1, kCounterTracks = 15ULL << 60;
constexpr std::pair<Track::Kind, const char*> kGroups[] = {{Track::Kind::kWorker, "workers"},
                                                           {Track::Kind::kCoroutine, "coroutines"},
                                                           {Track::Kind::kThread, "threads"},
                                                           {Track::Kind::kZones, "zones"},
                                                           {Track::Kind::kThreadZones, "zones of threads"}};

std::uint64_t uuid_of_group(Track::Kind kind) {
    return kProcessUuid + 1 + static_cast<std::uint64_t>(kind);
}
std::uint64_t uuid_of(const Track& track) {
    return (static_cast<std::uint64_t>(track.kind) + 1) << 60 | track.id;
}

class PerfettoSink final : public TimelineSink {
public:
    PerfettoSink(const analyses::TraceWalk& walk, OutputFile& output) : output_(output) {
        ProtoMessage of_process;
        of_process.number(process::kPid, walk.reader().meta().pid);
        of_process.text(process::kName, walk.reader().meta().program);
        ProtoMessage track;
        track.number(descriptor::kUuid, kProcessUuid);
        track.message(descriptor::kProcess, of_process);
        describe(track);
        for (const auto& [kind, name] : kGroups)
            named_track(uuid_of_group(kind), kProcessUuid, name);
    }

    void track(const Track& track, const std::string& name) override {
        named_track(uuid_of(track), uuid_of_group(track.kind), name);
    }
    void slice(const Slice& slice) override {
        ProtoMessage begin;
        if (slice.coroutine != 0) annotate(begin, "coroutine", slice.coroutine);
        if (slice.worker != wire::kNone) annotate(begin, "worker", slice.worker);
        begin.number(track_event::kType, track_event::kSliceBegin);
        begin.number(track_event::kTrackUuid, uuid_of(slice.track));
        begin.text(track_event::kCategories, slice.category);
        begin.text(track_event::kName, slice.name);
        if (slice.flow_in != 0) begin.fixed64(track_event::kTerminatingFlowIds, slice.flow_in);
        event(slice.begin_ns, begin);
        ProtoMessage end;
        end.number(track_event::kType, track_event::kSliceEnd);
        end.number(track_event::kTrackUuid, uuid_of(slice.track));
        event(slice.end_ns, end);
    }
    void instant(const Instant& instant) override {
        ProtoMessage message;
        message.number(track_event::kType, track_event::kInstant);
        message.number(track_event::kTrackUuid, uuid_of(instant.track));
        message.text(track_event::kCategories, instant.category);
        message.text(track_event::kName, instant.name);
        if (instant.flow_out != 0) message.fixed64(track_event::kFlowIds, instant.flow_out);
        if (instant.flow_in != 0) message.fixed64(track_event::kTerminatingFlowIds, instant.flow_in);
        event(instant.at_ns, message);
    }
    void counter_track(std::size_t number, const std::string& name) override {
        ProtoMessage track;
        track.number(descriptor::kUuid, kCounterTracks | number);
        track.text(descriptor::kName, name);
        track.number(descriptor::kParentUuid, kProcessUuid);
        track.message(descriptor::kCounter, {});
        describe(track);
    }
    void counter(std::size_t number, std::int64_t at_ns, std::int64_t value) override {
        ProtoMessage message;
        message.number(track_event::kType, track_event::kCounter);
        message.number(track_event::kTrackUuid, kCounterTracks | number);
        message.number(track_event::kCounterValue, static_cast<std::uint64_t>(value));
        event(at_ns, message);
    }

    void real_counter(std::size_t number, std::int64_t at_ns, double value) override {
        ProtoMessage message;
        message.number(track_event::kType, track_event::kCounter);
        message.number(track_event::kTrackUuid, kCounterTracks | number);
        message.fixed64(track_event::kDoubleCounterValue, std::bit_cast<std::uint64_t>(value));
        event(at_ns, message);
    }

private:
    static void annotate(ProtoMessage& to, const char* name, std::uint64_t value) {
        ProtoMessage message;
        message.number(annotation::kUintValue, value);
        message.text(annotation::kName, name);
        to.message(track_event::kAnnotations, message);
    }
    void named_track(std::uint64_t uuid, std::uint64_t parent, const std::string& name) {
        ProtoMessage track;
        track.number(descriptor::kUuid, uuid);
        track.text(descriptor::kName, name);
        track.number(descriptor::kParentUuid, parent);
        describe(track);
    }
    void describe(const ProtoMessage& track) {
        ProtoMessage packet;
        packet.number(packet::kSequenceId, kSequence);
        packet.message(packet::kTrackDescriptor, track);
        write(packet);
    }
    void event(std::int64_t at_ns, const ProtoMessage& event) {
        ProtoMessage packet;
        packet.number(packet::kTimestamp, static_cast<std::uint64_t>(at_ns));
        packet.number(packet::kSequenceId, kSequence);
        packet.message(packet::kTrackEvent, event);
        write(packet);
    }
    void write(const ProtoMessage& packet) {
        ProtoMessage part;
        part.message(trace::kPacket, packet);
        output_.write(part.bytes());
    }

    OutputFile& output_;
};

}  // namespace

void write_perfetto(analyses::TraceWalk& walk, OutputFile& output) {
    PerfettoSink sink(walk, output);
    Timeline timeline(walk, sink);
    walk.run(timeline);
    timeline.finish();
}

}  // namespace coroscope::exports
