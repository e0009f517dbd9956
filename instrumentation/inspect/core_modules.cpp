// See core_modules.h.
#include "instrumentation/inspect/core_modules.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "instrumentation/inspect/elf_file.h"
#include "instrumentation/inspect/elf_notes.h"
#include "instrumentation/inspect/proc.h"

namespace coroscope::inspect {
namespace {

constexpr std::uint64_t kPageMask = 4095;
constexpr std::size_t kProgramHeadersMax = 64;
constexpr std::uint64_t kNoteBytesMax = 64U << 10;
constexpr std::uint64_t kVdsoBytesMax = 1U << 20;

// The build-id in the headers of an ELF file as they lay at `low`; "" when the core does not hold them.
std::string build_id_at(const CoreFile& core, std::uint64_t low) {
    Elf64_Ehdr header{};
    if (core.read(low, &header, sizeof header) != sizeof header ||
        std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_phentsize != sizeof(Elf64_Phdr) ||
        header.e_phnum > kProgramHeadersMax)
        return "";
    std::vector<Elf64_Phdr> programs(header.e_phnum);
    const std::size_t bytes = programs.size() * sizeof(Elf64_Phdr);
    if (core.read(low + header.e_phoff, programs.data(), bytes) != bytes) return "";
    std::uint64_t first_address = 0;
    for (const Elf64_Phdr& program : programs) {
        if (program.p_type != PT_LOAD) continue;
        first_address = program.p_vaddr & ~kPageMask;
        break;
    }
    for (const Elf64_Phdr& program : programs) {
        if (program.p_type != PT_NOTE || program.p_filesz > kNoteBytesMax) continue;
        std::vector<std::uint8_t> notes(program.p_filesz);
        if (core.read(low - first_address + program.p_vaddr, notes.data(), notes.size()) != notes.size())
            continue;
        if (std::string id = build_id_of(notes.data(), notes.size()); !id.empty()) return id;
    }
    return "";
}

bool begins_as_elf(const CoreFile& core, std::uint64_t low) {
    char magic[SELFMAG];
    return core.read(low, magic, sizeof magic) == sizeof magic && std::memcmp(magic, ELFMAG, SELFMAG) == 0;
}

// Mapped files of which something could run, one entry each, from its first mapping to its last.
std::vector<Module> mapped_files(const CoreFile& core) {
    std::vector<Module> modules;
    const std::vector<CoreFile::Mapping>& mappings = core.mappings();
    for (std::size_t first = 0; first < mappings.size();) {
        std::size_t last = first;
        bool executable = false;
        bool unknown = false;  // gdb's gcore leaves code out altogether
        for (; last < mappings.size() && mappings[last].path == mappings[first].path; ++last) {
            const CoreFile::Segment* segment = core.segment_at(mappings[last].low);
            executable = executable || (segment != nullptr && segment->executable);
            unknown = unknown || segment == nullptr;
        }
        executable = executable || (unknown && begins_as_elf(core, mappings[first].low));
        if (executable && mappings[first].path.starts_with('/')) {
            modules.push_back({mappings[first].path, mappings[first].low, mappings[last - 1].high,
                               build_id_at(core, mappings[first].low)});
        }
        first = last;
    }
    return modules;
}

// The kernel's own code in the program: all of it is in the core.
void add_vdso(const CoreFile& core, std::vector<Module>& modules) {
    const CoreFile::Segment* segment = core.segment_at(core.vdso_address());
    if (segment == nullptr || segment->address != core.vdso_address() || segment->file_bytes > kVdsoBytesMax)
        return;
    auto image = std::make_shared<std::vector<std::uint8_t>>(segment->file_bytes);
    if (core.read(segment->address, image->data(), image->size()) != image->size()) return;
    modules.push_back({std::string(proc::kVdsoName), segment->address, segment->address + segment->memory_bytes,
                       build_id_at(core, segment->address), std::move(image)});
}

// The name of a file alone.
std::string_view base_name(std::string_view path) {
    return path.substr(path.rfind('/') + 1);
}

// Position of the program itself among the modules; modules.size() when that is not known.
std::size_t program_of(const CoreFile& core, const std::vector<Module>& modules) {
    const auto found = std::find_if(modules.begin(), modules.end(), [&](const Module& module) {
        return core.entry_address() >= module.low && core.entry_address() < module.high;
    });
    return static_cast<std::size_t>(found - modules.begin());
}

// The build-id of the file at `path` when it can stand for the module; nothing when it is gone or another build. Where the core does not say
// which build ran, the file that is there is believed.
bool use_file(Module& module, const std::string& path) {
    const auto file = ElfFile::open(path);
    if (!file || (!module.build_id.empty() && (*file)->build_id() != module.build_id)) return false;
    module.build_id = (*file)->build_id();
    module.path = path;
    return true;
}

}  // namespace

base::Result<CoreModules> modules_of_core(const CoreFile& core, const std::string& binary) {
    CoreModules found;
    found.modules = mapped_files(core);
    const std::size_t program = program_of(core, found.modules);
    if (program < found.modules.size()) found.program = found.modules[program].path;
    if (!binary.empty()) {
        const auto file = ElfFile::open(binary);
        if (!file) return base::error(file.error().code, "--binary: " + file.error().message);
        if (program == found.modules.size())
            return base::error(base::ErrorCode::kCorrupt, core.path() +
                                                              " does not say where its program lay, so that "
                                                              "--binary cannot stand for it: leave it away");
        if (!use_file(found.modules[program], binary)) {
            return base::error(base::ErrorCode::kCorrupt,
                               binary + " is not the program of the core, or another build of it (build-id " +
                                   ((*file)->build_id().empty() ? "none" : (*file)->build_id()) +
                                   ", the core's is " + found.modules[program].build_id + "): give the " +
                                   std::string(base_name(found.program)) + " that ran");
        }
    }
    for (std::size_t i = 0; i < found.modules.size(); ++i) {
        Module& module = found.modules[i];
        if (i == program && !binary.empty()) continue;
        if (use_file(module, module.path)) continue;
        if (i == program) found.program_missing = true;
        if (i != program) found.missing.push_back(module.path);
    }
    add_vdso(core, found.modules);
    std::sort(found.modules.begin(), found.modules.end(),
              [](const Module& a, const Module& b) { return a.low < b.low; });
    return found;
}

}  // namespace coroscope::inspect
