// For tests of rings: a ring segment of this process, a reader page, and what a reader makes of a ring.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <vector>

#include "instrumentation/emit/probes.h"
#include "instrumentation/emit/ring_writer.h"
#include "instrumentation/wire/event_decoder.h"
#include "instrumentation/wire/ring_reader.h"

namespace coroscope::emit {

// A viewer's reader page: a sealed memfd, mapped writable.
class ReaderPageFile {
public:
    explicit ReaderPageFile(int seals = F_SEAL_SHRINK | F_SEAL_GROW,
                            std::uint64_t bytes = wire::kReaderPageBytes) {
        fd_ = memfd_create("reader-page", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        EXPECT_EQ(ftruncate(fd_, static_cast<off_t>(bytes)), 0);
        fcntl(fd_, F_ADD_SEALS, seals);
        page_ = static_cast<wire::ReaderPage*>(
            mmap(nullptr, wire::kReaderPageBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0));
        if (bytes < wire::kReaderPageBytes) return;
        page_->magic = wire::kReaderMagic;
        page_->rings_max = wire::kRingsMax;
        page_->viewer_pid = static_cast<std::uint32_t>(getpid());
    }
    ~ReaderPageFile() {
        munmap(page_, wire::kReaderPageBytes);
        close(fd_);
    }
    ReaderPageFile(const ReaderPageFile&) = delete;
    ReaderPageFile& operator=(const ReaderPageFile&) = delete;
    int fd() const { return fd_; }
    wire::ReaderPage& page() { return *page_; }

private:
    int fd_ = -1;
    wire::ReaderPage* page_ = nullptr;
};

class RingTest : public testing::Test {
protected:
    RingTest() : rings_(RingSegment::create(0x1234, true).value()) {}
    ~RingTest() override { rings_->listen(0, wire::RingMode::kOff, 0); }

    wire::RingLocation location(std::uint32_t ring) const {
        return wire::RingSegmentView::open(rings_->data(), rings_->file_bytes()).value().ring(ring);
    }
    // Everything that is there to read now, decoded.
    std::vector<wire::DecodedEvent> drain(wire::RingReader& reader, wire::EventDecoder& decoder) const {
        std::vector<wire::DecodedEvent> events;
        std::vector<wire::EventSlot> slots(4096);
        for (;;) {
            const wire::RingBatch batch = reader.read(location(reader.ring()), slots);
            if (batch.skipped != 0) decoder.gap();
            if (batch.accepted == 0 && batch.skipped == 0) return events;
            decoder.feed({slots.data(), batch.accepted},
                         [&](const wire::DecodedEvent& e) { events.push_back(e); });
        }
    }
    std::vector<wire::DecodedEvent> drain(std::uint32_t ring) const {
        wire::RingReader reader(ring);
        wire::EventDecoder decoder;
        return drain(reader, decoder);
    }
    void listen_overwrite(std::uint32_t mask = wire::kEventCategories) {
        rings_->listen(mask, wire::RingMode::kOverwrite, 64);
    }

    std::unique_ptr<RingSegment> rings_;
};

}  // namespace coroscope::emit
