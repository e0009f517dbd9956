// See column_scan.h. Chunks without columns are decoded whole.
#include "traces/column_scan.h"

#include "instrumentation/wire/event_decoder.h"

namespace coroscope::traces {

bool ColumnScan::load(const ChunkRef& chunk) {
    if (chunk.header.layout == EventsLayout::kColumns) {
        const base::Result<Bytes> stored = read_stored(reader_.file(), chunk, chunk.header.scan_bytes);
        base::Result<ScannedEvents> scanned = stored.ok() ? scanner_.scan(chunk.header, *stored)
                                                          : base::Result<ScannedEvents>(stored.error());
        if (!scanned.ok()) {
            losses_.push_back("the events chunk at byte " + std::to_string(chunk.offset) + ": " +
                              scanned.error().message);
            return false;
        }
        events_ = *scanned;
        return true;
    }
    const base::Status read = reader_.read_events(chunk, slots_);
    if (!read.ok()) {
        losses_.push_back(read.error().message);
        return false;
    }
    ticks_.clear();
    types_.clear();
    wire::EventDecoder decoder;
    decoder.seed(chunk.header.context_ticks, chunk.header.context_current, chunk.header.context_known != 0);
    decoder.feed(slots_, [this](const wire::DecodedEvent& event) {
        ticks_.push_back(event.tsc);
        types_.push_back(event.type);
    });
    events_ = {ticks_, types_};
    return true;
}

}  // namespace coroscope::traces
