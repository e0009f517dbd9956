// Reading ELF headers and segments with every offset checked: the file may be anything, and may change under
// us.
#include "instrumentation/inspect/elf_file.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "instrumentation/inspect/elf_notes.h"

namespace coroscope::inspect {
namespace {

constexpr std::uint64_t kPageMask = 4095;
constexpr std::uint64_t kSegmentBytesMax = 2ULL << 30;  // more code than that is no code
constexpr std::uint64_t kNoteBytesMax = 64U << 10;

}  // namespace

bool ElfFile::read_at(std::uint64_t file_offset, void* to, std::size_t bytes) const {
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

base::Result<std::unique_ptr<ElfFile>> ElfFile::open(const std::string& path) {
    // Non-blocking: the path comes from another process and might name a pipe.
    return from(base::FileDescriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)), path);
}

base::Result<std::unique_ptr<ElfFile>> ElfFile::from_image(const std::string& name,
                                                           const std::vector<std::uint8_t>& image) {
    base::FileDescriptor fd(memfd_create(name.c_str(), MFD_CLOEXEC));
    if (fd && write(fd.get(), image.data(), image.size()) != static_cast<ssize_t>(image.size())) {
        return base::error(base::ErrorCode::kUnreadable, name + " cannot be kept: " + base::errno_text(errno));
    }
    return from(std::move(fd), name);
}

base::Result<std::unique_ptr<ElfFile>> ElfFile::from(base::FileDescriptor fd, const std::string& path) {
    std::unique_ptr<ElfFile> file(new ElfFile);
    file->fd_ = std::move(fd);
    struct stat status {};
    if (!file->fd_ || fstat(file->fd_.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
        return base::error(base::ErrorCode::kUnreadable, path + " cannot be read: " + base::errno_text(errno));
    }
    file->file_bytes_ = static_cast<std::uint64_t>(status.st_size);
    if (auto headers = file->read_headers(path); !headers) return headers.error();
    return file;
}

base::Status ElfFile::read_headers(const std::string& path) {
    Elf64_Ehdr header{};
    if (!read_at(0, &header, sizeof header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
        header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != EM_X86_64 ||
        header.e_phentsize != sizeof(Elf64_Phdr)) {
        return base::error(base::ErrorCode::kCorrupt, path + " is no ELF file for x86-64");
    }
    std::vector<Elf64_Phdr> programs(header.e_phnum);
    if (!read_at(header.e_phoff, programs.data(), programs.size() * sizeof(Elf64_Phdr))) {
        return base::error(base::ErrorCode::kCorrupt, path + " is cut off");
    }
    bool first = true;
    for (const Elf64_Phdr& program : programs) {
        if (program.p_type == PT_LOAD) {
            if (first) first_address_ = program.p_vaddr & ~kPageMask;
            first = false;
            const bool inside = program.p_offset <= file_bytes_ &&
                                program.p_filesz <= file_bytes_ - program.p_offset;
            if ((program.p_flags & PF_W) == 0 && inside && program.p_filesz <= kSegmentBytesMax) {
                segments_.push_back({program.p_vaddr, program.p_offset, program.p_filesz, {}, false});
            }
        } else if (program.p_type == PT_GNU_EH_FRAME) {
            unwind_header_address_ = program.p_vaddr;
            unwind_header_bytes_ = program.p_filesz;
        } else if (program.p_type == PT_NOTE && build_id_.empty()) {
            read_build_id(program.p_offset, program.p_filesz);
        }
    }
    return base::ok_status();
}

void ElfFile::read_build_id(std::uint64_t file_offset, std::uint64_t bytes) {
    if (bytes > kNoteBytesMax) return;
    std::vector<std::uint8_t> notes(bytes);
    if (!read_at(file_offset, notes.data(), notes.size())) return;
    build_id_ = build_id_of(notes.data(), notes.size());
}

std::size_t ElfFile::read(std::uint64_t address, void* to, std::size_t bytes) {
    for (Segment& segment : segments_) {
        if (address < segment.address || address - segment.address >= segment.bytes) continue;
        if (!segment.loaded) {
            segment.loaded = true;
            // Segments do not overlap, but for a page at their seams: a file whose do would become more than itself.
            if (segment.bytes > file_bytes_ + segments_.size() * (kPageMask + 1) - loaded_bytes_) return 0;
            loaded_bytes_ += segment.bytes;
            segment.content.resize(segment.bytes);
            if (!read_at(segment.file_offset, segment.content.data(), segment.content.size()))
                segment.content.clear();
        }
        const std::uint64_t offset = address - segment.address;
        if (offset >= segment.content.size()) return 0;
        const std::size_t available = std::min<std::size_t>(bytes, segment.content.size() - offset);
        std::memcpy(to, segment.content.data() + offset, available);
        return available;
    }
    return 0;
}

}  // namespace coroscope::inspect
