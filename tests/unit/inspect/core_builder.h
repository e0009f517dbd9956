// Writes small cores by hand: headers, notes and memory, so that tests can cut and damage every byte of them. Written against elf(5) and
// core(5), on purpose with nothing of the reader's.
#pragma once

#include <elf.h>
#include <sys/procfs.h>
#include <sys/user.h>

#include <csignal>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "instrumentation/base/file_descriptor.h"
#include "tests/unit/inspect/segment_builder.h"

namespace coroscope::inspect::testing {

class CoreBuilder {
public:
    struct Registers {
        std::uint64_t rip = 0, rsp = 0, fs_base = 0;
    };

    void add_thread(std::uint32_t thread_id, const Registers& registers, int signal = 0) {
        prstatus_t status{};
        status.pr_pid = static_cast<pid_t>(thread_id);
        status.pr_cursig = static_cast<short>(signal);
        user_regs_struct all{};
        all.rip = registers.rip;
        all.rsp = registers.rsp;
        all.fs_base = registers.fs_base;
        std::memcpy(&status.pr_reg, &all, sizeof all);
        add_note(NT_PRSTATUS, &status, sizeof status);
    }
    void add_process(std::uint32_t pid, const std::string& command_line) {
        prpsinfo_t info{};
        info.pr_pid = static_cast<pid_t>(pid);
        std::strncpy(info.pr_psargs, command_line.c_str(), sizeof info.pr_psargs - 1);
        add_note(NT_PRPSINFO, &info, sizeof info);
    }
    void add_signal(int number, int code, std::uint64_t address) {
        siginfo_t info{};
        info.si_signo = number;
        info.si_code = code;
        info.si_addr = reinterpret_cast<void*>(address);
        add_note(NT_SIGINFO, &info, sizeof info);
    }
    void add_entry(std::uint64_t address) {
        const Elf64_auxv_t vector[2] = {{AT_ENTRY, {address}}, {AT_NULL, {0}}};
        add_note(NT_AUXV, vector, sizeof vector);
    }
    struct File {
        std::uint64_t low, high, offset;
        std::string path;
    };
    void add_files(const std::vector<File>& files) {
        std::vector<std::uint64_t> words = {files.size(), wire::kPageBytes};
        std::string names;
        for (const File& file : files) {
            words.insert(words.end(), {file.low, file.high, file.offset / wire::kPageBytes});
            names += file.path + '\0';
        }
        std::string body(reinterpret_cast<const char*>(words.data()), words.size() * sizeof words[0]);
        body += names;
        add_note(NT_FILE, body.data(), body.size());
    }
    void add_note(std::uint32_t type, const void* body, std::size_t bytes) {
        const Elf64_Nhdr note{5, static_cast<Elf64_Word>(bytes), type};
        append(notes_, &note, sizeof note);
        append(notes_, "CORE\0\0\0\0", 8);
        append(notes_, body, bytes);
        notes_.resize((notes_.size() + 3) & ~std::size_t{3});
    }
    // Memory at an address; `dumped` says how much of it the file gets.
    void add_memory(std::uint64_t address, const std::vector<std::uint8_t>& bytes, std::uint32_t flags,
                    std::size_t dumped) {
        Elf64_Phdr program{};
        program.p_type = PT_LOAD;
        program.p_flags = flags;
        program.p_vaddr = address;
        program.p_memsz = bytes.size();
        program.p_filesz = dumped;
        programs_.push_back(program);
        memory_.emplace_back(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(dumped));
    }
    void add_memory(std::uint64_t address, const std::vector<std::uint8_t>& bytes,
                    std::uint32_t flags = PF_R | PF_W) {
        add_memory(address, bytes, flags, bytes.size());
    }

    Elf64_Ehdr header{{0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                      ET_CORE,
                      EM_X86_64,
                      EV_CURRENT,
                      0,
                      sizeof(Elf64_Ehdr),
                      0,
                      0,
                      sizeof(Elf64_Ehdr),
                      sizeof(Elf64_Phdr),
                      0,
                      0,
                      0,
                      0};

    // Header, program headers, notes, memory.
    std::vector<std::uint8_t> bytes() const {
        Elf64_Ehdr first = header;
        if (first.e_phnum == 0) first.e_phnum = static_cast<Elf64_Half>(programs_.size() + 1);
        std::vector<Elf64_Phdr> programs = programs_;
        Elf64_Phdr notes{};
        notes.p_type = PT_NOTE;
        notes.p_offset = sizeof first + (programs.size() + 1) * sizeof(Elf64_Phdr);
        notes.p_filesz = notes_.size();
        std::uint64_t offset = notes.p_offset + notes_.size();
        for (Elf64_Phdr& program : programs) {
            program.p_offset = offset;
            offset += program.p_filesz;
        }
        std::vector<std::uint8_t> file;
        append(file, &first, sizeof first);
        append(file, &notes, sizeof notes);
        append(file, programs.data(), programs.size() * sizeof(Elf64_Phdr));
        append(file, notes_.data(), notes_.size());
        for (const auto& piece : memory_)
            append(file, piece.data(), piece.size());
        return file;
    }

private:
    static void append(std::vector<std::uint8_t>& to, const void* from, std::size_t bytes) {
        const auto* first = static_cast<const std::uint8_t*>(from);
        to.insert(to.end(), first, first + bytes);
    }
    std::vector<std::uint8_t> notes_;
    std::vector<Elf64_Phdr> programs_;
    std::vector<std::vector<std::uint8_t>> memory_;
};

inline constexpr std::uint64_t kSegmentAddress = 0x7f00'0000'0000;
inline constexpr std::uint64_t kStacksAddress = 0x7000'0000'0000;  // of the sample segment's slab
inline constexpr std::uint64_t kProgramAddress = 0x5500'0000'0000;
inline constexpr std::uint64_t kThreadAddress = 0x7e00'0000'0000;  // thread-local storage of the worker
inline constexpr char kProgramBuildId[] = "0123456789abcdef";

// The first page of an ELF file with a build-id, as cores hold it.
inline std::vector<std::uint8_t> program_page() {
    std::vector<std::uint8_t> page(wire::kPageBytes);
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_type = ET_DYN;
    header.e_machine = EM_X86_64;
    header.e_phoff = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = 2;
    Elf64_Phdr programs[2] = {};
    programs[0].p_type = PT_LOAD;
    programs[0].p_filesz = programs[0].p_memsz = page.size();
    programs[1].p_type = PT_NOTE;
    programs[1].p_vaddr = programs[1].p_offset = 0x200;
    const std::uint8_t note[] = {4,   0,   0,   0, 8,    0,    0,    0,    3,    0,    0,    0,
                                 'G', 'N', 'U', 0, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
    programs[1].p_filesz = programs[1].p_memsz = sizeof note;
    std::memcpy(page.data(), &header, sizeof header);
    std::memcpy(page.data() + sizeof header, programs, sizeof programs);
    std::memcpy(page.data() + 0x200, note, sizeof note);
    return page;
}

// The core of a program with the sample segment, cut down to the pages that it uses; coroutine 103 ran on its worker (thread 4712), which
// died of a null pointer; the stacks of 100 and 102 are there, that of 104 is not.
inline CoreBuilder sample_core() {
    CoreBuilder core;
    core.add_thread(4712, {0x400200, kStacksAddress + 3 * 0x5000 + 0x4e00, kThreadAddress}, SIGSEGV);
    core.add_thread(4711, {0x400300, 0x7fff'0000'0000, 0});
    core.add_process(4711, "built-by-hand --fast");
    core.add_signal(SIGSEGV, SEGV_MAPERR, 0x10);
    core.add_entry(kProgramAddress + 0x100);
    core.add_files({{kProgramAddress, kProgramAddress + wire::kPageBytes, 0, "/bin/built-by-hand"},
                    {kSegmentAddress, kSegmentAddress + (1 << 20), 0, "/memfd:coroscope-state (deleted)"}});
    core.add_memory(kProgramAddress, program_page(), PF_R | PF_X);
    std::vector<std::uint8_t> stacks(4 * 0x5000);
    for (const std::uint64_t i : {0, 2}) {
        wire::SavedFrame saved{};
        saved.return_address = 0x400123;
        std::memcpy(&stacks[i * 0x5000 + 0x4f00], &saved, sizeof saved);
    }
    core.add_memory(kStacksAddress, stacks);
    core.add_memory(kThreadAddress, std::vector<std::uint8_t>(256));
    core.add_memory(kSegmentAddress, sample_segment().bytes());
    return core;
}

}  // namespace coroscope::inspect::testing
