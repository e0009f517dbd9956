// What a Target consists of; shared by the files that implement it (target.cpp, target_rings.cpp,
// stack_copies.cpp), seen by nobody else.
#pragma once

#include <cstdint>
#include <vector>

#include "instrumentation/inspect/agent_connection.h"
#include "instrumentation/inspect/shared_mapping.h"
#include "instrumentation/inspect/state_reader.h"
#include "instrumentation/inspect/target.h"
#include "instrumentation/wire/ring_reader.h"

namespace coroscope::inspect {

// A memfd of ours that the target maps or writes: the reader page, the copy area.
class SharedArea {
public:
    SharedArea() = default;
    SharedArea(SharedArea&& other) noexcept
        : fd_(std::move(other.fd_)), data_(std::exchange(other.data_, nullptr)), bytes_(other.bytes_) {}
    SharedArea& operator=(SharedArea&& other) noexcept {
        std::swap(fd_, other.fd_);
        std::swap(data_, other.data_);
        std::swap(bytes_, other.bytes_);
        return *this;
    }
    ~SharedArea();

    // Zero-filled, mapped for reading and writing here, sealed against shrinking and growing.
    static base::Result<SharedArea> create(const char* name, std::uint64_t bytes);

    int fd() const { return fd_.get(); }
    std::uint8_t* data() const { return data_; }
    std::uint64_t bytes() const { return bytes_; }

private:
    base::FileDescriptor fd_;
    std::uint8_t* data_ = nullptr;
    std::uint64_t bytes_ = 0;
};

struct Target::Impl {
    Impl(std::uint32_t target_pid, const Options& target_options, StateReader state_reader)
        : pid(target_pid), options(target_options), state(std::move(state_reader)) {}

    std::uint32_t pid = 0;
    Options options;
    base::FileDescriptor pid_fd;  // becomes readable when the process ends, even as a zombie
    AgentConnection agent;
    StateReader state;
    SharedMapping ring_mapping;
    wire::RingSegmentView rings;
    std::vector<wire::RingReader> readers;  // by ring
    SharedArea reader_page;                 // recorder only
    MemoryAccess access = MemoryAccess::kProcessVm;
    SharedArea copy_area;  // agent copies only
    bool copy_area_sent = false;

    std::string name() const { return "process " + std::to_string(pid); }
    bool alive() const;

    base::Status open_rings(base::FileDescriptor fd, std::uint64_t nonce);
    base::Status become_recorder();
    wire::RingReader& reader(std::uint32_t ring);
    // The ring where it lies now, following the growth of the file.
    wire::RingLocation location(std::uint32_t ring);
    base::Result<wire::Reply> ask_control(wire::MessageType type, const void* body, std::size_t bytes,
                                          const wire::CoroutineName& about);
    base::Status hold(wire::MessageType type, const std::vector<wire::CoroutineName>& who, std::uint32_t flags);
    wire::ReaderPage* page() const { return reinterpret_cast<wire::ReaderPage*>(reader_page.data()); }
};

}  // namespace coroscope::inspect
