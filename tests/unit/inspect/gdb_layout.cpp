// Prints the offsets that coroscope-gdb.py relies on, as the headers have them; gdb_test.py compares.
#include <cstddef>
#include <cstdio>

#include "instrumentation/wire/coroutine.h"
#include "instrumentation/wire/segment.h"
#include "instrumentation/wire/site.h"
#include "instrumentation/wire/worker.h"

namespace wire = coroscope::wire;

#define PRINT(type, field) std::printf(#type "." #field " %zu\n", offsetof(wire::type, field))

int main() {
    std::printf("WIRE_MAJOR %u\n", unsigned{wire::kWireMajor});
    PRINT(SegmentHeader, magic);
    PRINT(SegmentHeader, version_major);
    PRINT(SegmentHeader, sections);
    PRINT(SectionEntry, record_bytes);
    PRINT(SectionEntry, records_per_chunk);
    PRINT(SectionEntry, chunks_max);
    PRINT(SectionEntry, directory_offset);
    PRINT(SectionEntry, chunks_published);
    PRINT(SectionEntry, records_used);
    std::printf("sizeof.SectionEntry %zu\n", sizeof(wire::SectionEntry));
    PRINT(CoroutineRecord, sequence);
    PRINT(CoroutineRecord, state);
    PRINT(CoroutineRecord, reason);
    PRINT(CoroutineRecord, rsp);
    PRINT(CoroutineRecord, rip);
    PRINT(CoroutineDetail, identity);
    PRINT(CoroutineDetail, site);
    PRINT(CoroutineDetail, name);
    PRINT(CoroutineDetail, worker);
    PRINT(WorkerRecord, thread_id);
    PRINT(SiteRecord, file);
    PRINT(SiteRecord, name);
    PRINT(SiteRecord, line);
    return 0;
}
