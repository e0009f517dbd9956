// Headers and notes of a core, and reads of its memory. Formats: elf(5), core(5), the kernel's fs/binfmt_elf.c.
#include "instrumentation/inspect/core_file.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/procfs.h>
#include <sys/stat.h>
#include <sys/user.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "instrumentation/inspect/elf_notes.h"

namespace coroscope::inspect {
namespace {

using base::ErrorCode;

constexpr std::uint64_t kNoteBytesMax = 256ULL << 20;  // thousands of threads with their vector registers
constexpr std::uint64_t kAddressMax = 1ULL << 63;

std::int64_t ns_of(const timespec& time) {
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

bool begins_as_elf(const Elf64_Ehdr& header) {
    return std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0;
}

// Signals of a processor's exception, whose address is that of the fault.
bool is_fault(int signal) {
    return signal == SIGSEGV || signal == SIGBUS || signal == SIGILL || signal == SIGFPE;
}

// Signals for which the kernel writes cores. A program that gdb saved was stopped by another one.
bool leaves_a_core(int signal) {
    constexpr int kSignals[] = {SIGQUIT, SIGILL,  SIGTRAP, SIGABRT, SIGBUS,
                                SIGFPE,  SIGSEGV, SIGXCPU, SIGXFSZ, SIGSYS};
    return std::find(std::begin(kSignals), std::end(kSignals), signal) != std::end(kSignals);
}

CoreFile::Thread thread_of(const prstatus_t& status) {
    user_regs_struct registers{};
    static_assert(sizeof status.pr_reg == sizeof registers);
    std::memcpy(&registers, &status.pr_reg, sizeof registers);
    CoreFile::Thread thread;
    thread.thread_id = static_cast<std::uint32_t>(status.pr_pid);
    thread.rip = registers.rip;
    thread.rsp = registers.rsp;
    thread.rbx = registers.rbx;
    thread.rbp = registers.rbp;
    thread.r12 = registers.r12;
    thread.r13 = registers.r13;
    thread.r14 = registers.r14;
    thread.r15 = registers.r15;
    thread.fs_base = registers.fs_base;
    return thread;
}

}  // namespace

bool looks_like_core(const std::string& path) {
    const base::FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    char magic[SELFMAG];
    return fd && pread(fd.get(), magic, sizeof magic, 0) == static_cast<ssize_t>(sizeof magic) &&
           std::memcmp(magic, ELFMAG, SELFMAG) == 0;
}

base::Error CoreFile::error(const std::string& how) const {
    return base::error(ErrorCode::kCorrupt, path_ + " " + how);
}

bool CoreFile::read_at(std::uint64_t file_offset, void* to, std::size_t bytes) const {
    if (file_offset > file_bytes_ || bytes > file_bytes_ - file_offset) return false;
    std::size_t done = 0;
    while (done < bytes) {
        const ssize_t got = pread(fd_.get(), static_cast<char*>(to) + done, bytes - done,
                                  static_cast<off_t>(file_offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        done += static_cast<std::size_t>(got);
    }
    return true;
}

base::Result<std::unique_ptr<CoreFile>> CoreFile::open(const std::string& path) {
    std::unique_ptr<CoreFile> core(new CoreFile(path));
    core->fd_ = base::FileDescriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!core->fd_)
        return base::error(ErrorCode::kUnreadable,
                           "cannot open the core " + path + ": " + base::errno_text(errno));
    struct stat status {};
    if (fstat(core->fd_.get(), &status) != 0 || !S_ISREG(status.st_mode))
        return base::error(ErrorCode::kUnreadable, path + " is not a file, so it cannot be a core");
    core->file_bytes_ = static_cast<std::uint64_t>(status.st_size);
    core->begun_at_ns_ = ns_of(status.st_mtim);
    // Writing a large one takes a while: when it was begun tells more, unless it is a copy.
    struct statx more {};
    if (statx(core->fd_.get(), "", AT_EMPTY_PATH, STATX_BTIME, &more) == 0 &&
        (more.stx_mask & STATX_BTIME) != 0) {
        const std::int64_t born_ns = more.stx_btime.tv_sec * std::int64_t{1'000'000'000} +
                                     more.stx_btime.tv_nsec;
        core->begun_at_ns_ = std::min(core->begun_at_ns_, born_ns);
    }
    if (auto headers = core->read_headers(); !headers) return headers.error();
    return core;
}

base::Status CoreFile::read_headers() {
    Elf64_Ehdr header{};
    if (!read_at(0, &header, sizeof header) || !begins_as_elf(header))
        return error("is no core: it is too short, or does not begin as ELF files do");
    if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
        header.e_machine != EM_X86_64)
        return error("is of a 32-bit program or of another processor; coroscope reads cores of x86-64");
    if (header.e_type != ET_CORE)
        return error(
            "is a program or a library, not a core: give its core, and name the program with --binary");
    if (header.e_phentsize != sizeof(Elf64_Phdr))
        return error("is damaged: its program headers have an unknown size");
    std::uint64_t count = header.e_phnum;
    if (count == PN_XNUM) {  // more than fit into 16 bits: the first section header has the number
        Elf64_Shdr first{};
        if (!read_at(header.e_shoff, &first, sizeof first))
            return error("is cut off: its number of mappings is missing");
        count = first.sh_info;
    }
    if (count > file_bytes_ / sizeof(Elf64_Phdr)) return error("is cut off within its program headers");
    std::vector<Elf64_Phdr> programs(count);
    if (!read_at(header.e_phoff, programs.data(), count * sizeof(Elf64_Phdr)))
        return error("is cut off within its program headers");

    std::uint64_t dumped = 0;
    for (const Elf64_Phdr& program : programs) {
        if (program.p_type == PT_NOTE) {
            if (auto status = read_notes(program.p_offset, program.p_filesz); !status) return status;
        }
        if (program.p_type != PT_LOAD || program.p_memsz == 0) continue;
        if (program.p_vaddr >= kAddressMax) continue;  // [vsyscall]
        if (program.p_memsz > kAddressMax - program.p_vaddr || program.p_filesz > program.p_memsz)
            return error("is damaged: a mapping has an impossible size");
        const std::uint64_t room = file_bytes_ - std::min(program.p_offset, file_bytes_);
        const std::uint64_t here = std::min(program.p_filesz, room);
        cut_off_bytes_ += program.p_filesz - here;
        dumped += here;
        segments_.push_back({program.p_vaddr, program.p_memsz, program.p_offset, here,
                             (program.p_flags & PF_W) != 0, (program.p_flags & PF_X) != 0});
    }
    std::sort(segments_.begin(), segments_.end(),
              [](const Segment& a, const Segment& b) { return a.address < b.address; });
    const auto overlap = [](const Segment& a, const Segment& b) {
        return b.address - a.address < a.memory_bytes;
    };
    // Whoever reads all of a core's memory reads no more than the file has.
    if (dumped > file_bytes_ ||
        std::adjacent_find(segments_.begin(), segments_.end(), overlap) != segments_.end())
        return error("is damaged: its mappings lie over each other");
    if (threads_.empty()) return error("names no threads: it is cut off, or was not written by Linux or gdb");
    return base::ok_status();
}

base::Status CoreFile::read_notes(std::uint64_t file_offset, std::uint64_t bytes) {
    if (file_offset > file_bytes_ || bytes > file_bytes_ - file_offset || bytes > kNoteBytesMax)
        return error("is cut off before its memory begins (raise `ulimit -c`, or make room on the disk)");
    std::vector<std::uint8_t> notes(bytes);
    if (!read_at(file_offset, notes.data(), notes.size()))
        return error("cannot be read: " + base::errno_text(errno));
    each_note(notes.data(), notes.size(), [&](const ElfNote& note) {
        if (note.owner != "CORE") return;
        if (note.type == NT_PRSTATUS && note.bytes >= sizeof(prstatus_t)) {
            prstatus_t status{};
            std::memcpy(&status, note.body, sizeof status);
            if (threads_.empty() && signal_ == 0 && leaves_a_core(status.pr_cursig))
                signal_ = status.pr_cursig;
            threads_.push_back(thread_of(status));
        } else if (note.type == NT_PRPSINFO && note.bytes >= sizeof(prpsinfo_t)) {
            prpsinfo_t info{};
            std::memcpy(&info, note.body, sizeof info);
            pid_ = static_cast<std::uint32_t>(info.pr_pid);
            command_line_.assign(info.pr_psargs, strnlen(info.pr_psargs, sizeof info.pr_psargs));
        } else if (note.type == NT_SIGINFO && note.bytes >= sizeof(siginfo_t)) {
            siginfo_t info{};
            std::memcpy(&info, note.body, sizeof info);
            if (!leaves_a_core(info.si_signo)) return;
            signal_ = info.si_signo;
            signal_was_sent_ = info.si_code == SI_USER || info.si_code == SI_QUEUE;
            sender_pid_ = signal_was_sent_ ? static_cast<std::uint32_t>(info.si_pid) : 0;
            has_fault_address_ = is_fault(info.si_signo) && info.si_code > 0;
            fault_address_ = has_fault_address_ ? reinterpret_cast<std::uint64_t>(info.si_addr) : 0;
        } else if (note.type == NT_AUXV) {
            for (std::size_t at = 0; note.bytes - at >= sizeof(Elf64_auxv_t); at += sizeof(Elf64_auxv_t)) {
                Elf64_auxv_t entry{};
                std::memcpy(&entry, note.body + at, sizeof entry);
                if (entry.a_type == AT_ENTRY) entry_address_ = entry.a_un.a_val;
                if (entry.a_type == AT_SYSINFO_EHDR) vdso_address_ = entry.a_un.a_val;
            }
        } else if (note.type == NT_FILE) {
            read_files(note.body, note.bytes);
        }
    });
    return base::ok_status();
}

// {count, page size} {low, high, offset in pages} × count, then count paths, each ended by a zero.
void CoreFile::read_files(const std::uint8_t* body, std::size_t bytes) {
    std::uint64_t head[2];
    if (bytes < sizeof head) return;
    std::memcpy(head, body, sizeof head);
    const std::uint64_t room = bytes - sizeof head;
    if (head[0] > room / (3 * sizeof(std::uint64_t))) return;
    const auto* text = reinterpret_cast<const char*>(body + sizeof head + head[0] * 3 * sizeof(std::uint64_t));
    const char* const end = reinterpret_cast<const char*>(body + bytes);
    for (std::uint64_t i = 0; i < head[0] && text < end; ++i) {
        std::uint64_t row[3];
        std::memcpy(row, body + sizeof head + i * sizeof row, sizeof row);
        const std::size_t length = strnlen(text, static_cast<std::size_t>(end - text));
        std::string path(text, length);
        text += std::min<std::size_t>(length + 1, static_cast<std::size_t>(end - text));
        constexpr std::string_view kDeleted = " (deleted)";
        if (path.ends_with(kDeleted)) path.resize(path.size() - kDeleted.size());
        if (row[0] < row[1] && row[1] <= kAddressMax)
            mappings_.push_back({row[0], row[1], row[2] * head[1], std::move(path)});
    }
    std::sort(mappings_.begin(), mappings_.end(),
              [](const Mapping& a, const Mapping& b) { return a.low < b.low; });
}

const CoreFile::Thread* CoreFile::thread(std::uint32_t thread_id) const {
    const auto found = std::find_if(threads_.begin(), threads_.end(),
                                    [&](const Thread& thread) { return thread.thread_id == thread_id; });
    return found != threads_.end() ? &*found : nullptr;
}

const CoreFile::Segment* CoreFile::segment_at(std::uint64_t address) const {
    auto after = std::upper_bound(
        segments_.begin(), segments_.end(), address,
        [](std::uint64_t value, const Segment& segment) { return value < segment.address; });
    if (after == segments_.begin()) return nullptr;
    --after;
    return address - after->address < after->memory_bytes ? &*after : nullptr;
}

std::size_t CoreFile::read(std::uint64_t address, void* to, std::size_t bytes) const {
    std::size_t done = 0;
    while (done < bytes) {
        const Segment* segment = segment_at(address + done);
        if (segment == nullptr) break;
        const std::uint64_t offset = address + done - segment->address;
        if (offset >= segment->file_bytes) break;
        const auto piece = static_cast<std::size_t>(
            std::min<std::uint64_t>(bytes - done, segment->file_bytes - offset));
        if (!read_at(segment->file_offset + offset, static_cast<char*>(to) + done, piece)) break;
        done += piece;
    }
    return done;
}

bool CoreFile::holds(std::uint64_t address, std::uint64_t bytes) const {
    while (bytes > 0) {
        const Segment* segment = segment_at(address);
        if (segment == nullptr || address - segment->address >= segment->file_bytes) return false;
        const std::uint64_t piece = std::min(bytes, segment->file_bytes - (address - segment->address));
        address += piece;
        bytes -= piece;
    }
    return true;
}

std::uint64_t CoreFile::next_data(std::uint64_t address, std::uint64_t end) const {
    auto at = std::upper_bound(
        segments_.begin(), segments_.end(), address,
        [](std::uint64_t value, const Segment& segment) { return value < segment.address; });
    if (at != segments_.begin()) --at;
    for (; at != segments_.end() && at->address < end; ++at) {
        const std::uint64_t from = std::max(address, at->address) - at->address;
        if (from >= at->file_bytes) continue;
        const off_t data = lseek(fd_.get(), static_cast<off_t>(at->file_offset + from), SEEK_DATA);
        // A file system that knows no holes, or no data behind: ENXIO.
        if (data < 0 && errno != ENXIO) return std::min(at->address + from, end);
        if (data < 0) return end;
        const std::uint64_t offset = static_cast<std::uint64_t>(data) - at->file_offset;
        if (offset < at->file_bytes) return std::min(at->address + offset, end);
    }
    return end;
}

}  // namespace coroscope::inspect
