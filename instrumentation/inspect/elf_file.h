// What is needed of an ELF file to look into a process that maps it: its segments, build-id and unwind table
// header.
//
// Headers are read at open; the bytes of read-only segments at the first question for them, whole (10 MB of
// code take 3 ms), so that overwriting the file later can neither fault nor mix two builds. Symbols and lines
// are libdw's business (symbols.cpp).
//
// Thread: one at a time. Blocks: reads the file. Tested in tests/unit/inspect.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "instrumentation/base/file_descriptor.h"
#include "instrumentation/base/result.h"

namespace coroscope::inspect {

class ElfFile {
public:
    // Errors: kUnreadable, kCorrupt (no 64-bit x86 ELF file).
    static base::Result<std::unique_ptr<ElfFile>> open(const std::string& path);
    // The same of bytes in memory, which `name` names in errors.
    static base::Result<std::unique_ptr<ElfFile>> from_image(const std::string& name,
                                                             const std::vector<std::uint8_t>& image);

    const std::string& build_id() const { return build_id_; }  // hex; "" = none
    // Page-aligned virtual address of the first mapped byte: load bias = where it is mapped - this.
    std::uint64_t first_address() const { return first_address_; }
    // The .eh_frame_hdr segment; 0 bytes when there is none.
    std::uint64_t unwind_header_address() const { return unwind_header_address_; }
    std::uint64_t unwind_header_bytes() const { return unwind_header_bytes_; }

    int descriptor() const { return fd_.get(); }  // of the file, for reading; ours

    // Copies bytes at a virtual address of the file from its read-only segments; returns how many there were.
    std::size_t read(std::uint64_t address, void* to, std::size_t bytes);

private:
    struct Segment {
        std::uint64_t address = 0, file_offset = 0, bytes = 0;
        std::vector<std::uint8_t> content;
        bool loaded = false;
    };
    ElfFile() = default;
    static base::Result<std::unique_ptr<ElfFile>> from(base::FileDescriptor fd, const std::string& path);
    base::Status read_headers(const std::string& path);
    void read_build_id(std::uint64_t file_offset, std::uint64_t bytes);
    bool read_at(std::uint64_t file_offset, void* to, std::size_t bytes) const;

    base::FileDescriptor fd_;
    std::uint64_t file_bytes_ = 0, loaded_bytes_ = 0;
    std::string build_id_;
    std::uint64_t first_address_ = 0;
    std::uint64_t unwind_header_address_ = 0, unwind_header_bytes_ = 0;
    std::vector<Segment> segments_;  // read-only ones
};

}  // namespace coroscope::inspect
