// Which files a process maps, and whether the file of that name is still the one it maps.
#include "instrumentation/inspect/module_set.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>

#include "instrumentation/inspect/proc.h"

namespace coroscope::inspect {
namespace {

bool is_file(const std::string& path, const proc::FileMapping& mapping) {
    struct stat status {};
    return stat(path.c_str(), &status) == 0 && status.st_ino == mapping.inode &&
           major(status.st_dev) == mapping.device_major && minor(status.st_dev) == mapping.device_minor;
}

// Where *we* can read the file that a mapping shows: its path, the path inside the target's mount namespace,
// or for a program that was rebuilt or deleted meanwhile the link to its old file. Overlay file systems
// report other device numbers in maps than stat does, so the plain path is the last resort as well.
std::string readable_path(std::uint32_t pid, const proc::FileMapping& mapping) {
    if (is_file(mapping.path, mapping)) return mapping.path;
    const std::string process = "/proc/" + std::to_string(pid);
    if (is_file(process + "/root" + mapping.path, mapping)) return process + "/root" + mapping.path;
    if (is_file(process + "/exe", mapping)) return process + "/exe";
    return mapping.path;
}

constexpr std::uint64_t kVdsoBytesMax = 1U << 20;

// The kernel's code in a process has no file: its image is read from the process's memory.
std::shared_ptr<const std::vector<std::uint8_t>> read_image(std::uint32_t pid,
                                                            const proc::FileMapping& mapping) {
    if (mapping.high <= mapping.low || mapping.high - mapping.low > kVdsoBytesMax) return nullptr;
    auto image = std::make_shared<std::vector<std::uint8_t>>(mapping.high - mapping.low);
    iovec local{image->data(), image->size()};
    iovec remote{reinterpret_cast<void*>(mapping.low), image->size()};
    const ssize_t got = process_vm_readv(static_cast<pid_t>(pid), &local, 1, &remote, 1, 0);
    return got == static_cast<ssize_t>(image->size()) ? image : nullptr;
}

// That of this process, which has the same kernel as a process that runs here, and mostly as one that was recorded here.
std::shared_ptr<const std::vector<std::uint8_t>> own_vdso() {
    const auto pid = static_cast<std::uint32_t>(getpid());
    const auto mappings = proc::file_mappings(pid);
    if (!mappings) return nullptr;
    for (const proc::FileMapping& mapping : *mappings) {
        if (mapping.path == proc::kVdsoName) return read_image(pid, mapping);
    }
    return nullptr;
}

// The file of a module, or its image.
base::Result<std::unique_ptr<ElfFile>> open_module(const Module& module) {
    if (module.image != nullptr) return ElfFile::from_image(module.path, *module.image);
    if (module.path != proc::kVdsoName) return ElfFile::open(module.path);
    const auto image = own_vdso();
    return image != nullptr ? ElfFile::from_image(module.path, *image) : ElfFile::open(module.path);
}

}  // namespace

base::Result<std::vector<Module>> read_modules(std::uint32_t pid) {
    const auto mappings = proc::file_mappings(pid);
    if (!mappings) {
        const bool gone = !proc::status(pid);
        return base::error(
            gone ? base::ErrorCode::kGone : base::ErrorCode::kRefused,
            "process " + std::to_string(pid) +
                (gone ? " has ended" : " does not let this user see what it maps: run coroscope as root"));
    }
    std::vector<Module> modules;
    for (std::size_t first = 0; first < mappings->size();) {
        // Consecutive mappings of one file are one module, from its first segment to its last.
        std::size_t last = first;
        bool executable = false;
        const proc::FileMapping& front = (*mappings)[first];
        while (last < mappings->size() && (*mappings)[last].path == front.path &&
               (*mappings)[last].inode == front.inode) {
            executable = executable || (*mappings)[last].executable;
            ++last;
        }
        const bool vdso = front.path == proc::kVdsoName;
        if (executable && (front.path.front() == '/' || vdso)) {
            Module module;
            module.path = vdso ? front.path : readable_path(pid, front);
            module.low = front.low;
            module.high = (*mappings)[last - 1].high;
            if (vdso) module.image = read_image(pid, front);
            if (const auto file = open_module(module); file && (!vdso || module.image != nullptr)) {
                module.build_id = (*file)->build_id();
                modules.push_back(std::move(module));
            }
        }
        first = last;
    }
    return modules;
}

ModuleSet::ModuleSet(std::vector<Module> modules) {
    std::sort(modules.begin(), modules.end(), [](const Module& a, const Module& b) { return a.low < b.low; });
    entries_.reserve(modules.size());
    for (Module& module : modules)
        entries_.push_back({std::move(module), nullptr, 0, false});
}

void ModuleSet::open(Entry& entry) {
    if (entry.opened) return;
    entry.opened = true;
    auto file = open_module(entry.module);
    if (!file || (*file)->build_id() != entry.module.build_id) return;
    entry.file = std::move(*file);
    entry.bias = entry.module.low - entry.file->first_address();
}

ModuleSet::Entry* ModuleSet::find(std::uint64_t address) {
    if (last_ != nullptr && address >= last_->module.low && address < last_->module.high) return last_;
    auto after = std::upper_bound(
        entries_.begin(), entries_.end(), address,
        [](std::uint64_t value, const Entry& entry) { return value < entry.module.low; });
    if (after == entries_.begin() || address >= std::prev(after)->module.high) return nullptr;
    last_ = &*std::prev(after);
    open(*last_);
    return last_;
}

std::size_t ModuleSet::read(std::uint64_t address, void* to, std::size_t bytes) {
    Entry* entry = find(address);
    if (entry == nullptr || entry->file == nullptr) return 0;
    return entry->file->read(address - entry->bias, to, bytes);
}

std::vector<ModuleSet::Entry>& ModuleSet::all() {
    for (Entry& entry : entries_)
        open(entry);
    return entries_;
}

}  // namespace coroscope::inspect
