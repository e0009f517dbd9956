// A core: the memory and the registers of a program at the moment at which it ended, or at which gcore saved it.
//
//   program headers   PT_LOAD: memory at its addresses, as far as it was dumped; PT_NOTE: the notes below
//   NT_PRSTATUS       registers of each thread; the one that ended the program comes first
//   NT_PRPSINFO       process id, name, arguments
//   NT_SIGINFO        the signal that ended it, and the address that it was about
//   NT_FILE           which file lay where
//
// The file may be cut off (a limit, a full disk) or be anything at all: every offset is compared with the file's size before it is used,
// and memory that the file does not hold is not there. Read with pread, never mapped: a file that shrinks meanwhile cannot fault.
//
// Who uses it: core_state, core_modules and core_stacks. Thread: any number at once. Blocks: reads the file.
// Tested in tests/unit/inspect/core_file_test.cpp; fuzzed in tests/fuzz/core_file_fuzz.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "instrumentation/base/file_descriptor.h"
#include "instrumentation/base/result.h"
#include "instrumentation/inspect/thread_registers.h"

namespace coroscope::inspect {

class CoreFile {
public:
    // Errors: kUnreadable (no such file), kCorrupt (no core, or one of another kind of machine; cut off before its notes).
    static base::Result<std::unique_ptr<CoreFile>> open(const std::string& path);

    // A run of the program's memory, ascending by address, none over another.
    struct Segment {
        std::uint64_t address = 0, memory_bytes = 0;
        std::uint64_t file_offset = 0, file_bytes = 0;  // what the file holds of it, from its beginning
        bool writable = false, executable = false;
    };
    struct Thread : ThreadRegisters {
        std::uint32_t thread_id = 0;  // as the program sees itself
    };
    // What of a file lay where.
    struct Mapping {
        std::uint64_t low = 0, high = 0, file_offset = 0;  // file_offset in bytes
        std::string path;                                  // without " (deleted)"
    };

    const std::string& path() const { return path_; }
    std::uint64_t file_bytes() const { return file_bytes_; }
    std::uint32_t pid() const { return pid_; }  // 0 = the core does not say
    const std::string& command_line() const { return command_line_; }
    // The signal that ended the program; 0 = none did (gcore). With it the address that it was about, where there is one.
    int signal() const { return signal_; }
    bool has_fault_address() const { return has_fault_address_; }
    std::uint64_t fault_address() const { return fault_address_; }
    // Who sent that signal, where it was sent to the program as a whole (kill); 0 = nobody, or somebody of another pid namespace.
    bool signal_was_sent() const { return signal_was_sent_; }
    std::uint32_t sender_pid() const { return sender_pid_; }
    // Where the program was entered, by the kernel's word; 0 = the core does not say.
    std::uint64_t entry_address() const { return entry_address_; }
    // Where the kernel's own code lay in the program, an ELF image that is no file; 0 = the core does not say.
    std::uint64_t vdso_address() const { return vdso_address_; }
    // When the file was begun, since the epoch, as far as its file system knows.
    std::int64_t begun_at_ns() const { return begun_at_ns_; }
    // Bytes of memory that the headers promise and the file does not have: it was cut off.
    std::uint64_t cut_off_bytes() const { return cut_off_bytes_; }

    const std::vector<Segment>& segments() const { return segments_; }
    const std::vector<Thread>& threads() const { return threads_; }
    const std::vector<Mapping>& mappings() const { return mappings_; }
    const Thread* thread(std::uint32_t thread_id) const;
    // The run that covers an address, dumped or not; nullptr when none does.
    const Segment* segment_at(std::uint64_t address) const;

    // Copies memory from `address` on, over as many runs as follow each other; returns how many bytes the file holds there.
    std::size_t read(std::uint64_t address, void* to, std::size_t bytes) const;
    // Whether the file holds all of it.
    bool holds(std::uint64_t address, std::uint64_t bytes) const;
    // The first address from `address` on, below `end`, whose bytes the file holds and are not a hole of it; `end` when there is none.
    std::uint64_t next_data(std::uint64_t address, std::uint64_t end) const;

private:
    explicit CoreFile(std::string path) : path_(std::move(path)) {}
    base::Error error(const std::string& how) const;
    base::Status read_headers();
    base::Status read_notes(std::uint64_t file_offset, std::uint64_t bytes);
    void read_files(const std::uint8_t* body, std::size_t bytes);
    bool read_at(std::uint64_t file_offset, void* to, std::size_t bytes) const;

    std::string path_;
    base::FileDescriptor fd_;
    std::uint64_t file_bytes_ = 0;
    std::vector<Segment> segments_;
    std::vector<Thread> threads_;
    std::vector<Mapping> mappings_;
    std::string command_line_;
    std::uint32_t pid_ = 0;
    int signal_ = 0;
    bool has_fault_address_ = false;
    std::uint64_t fault_address_ = 0;
    bool signal_was_sent_ = false;
    std::uint32_t sender_pid_ = 0;
    std::uint64_t entry_address_ = 0;
    std::uint64_t vdso_address_ = 0;
    std::int64_t begun_at_ns_ = 0;
    std::uint64_t cut_off_bytes_ = 0;
};

// Whether a file is to be opened as a core: it begins as ELF files do.
bool looks_like_core(const std::string& path);

}  // namespace coroscope::inspect
