// Where a process calls through its words: global offset tables, read as its loader has filled them.
#include <sys/uio.h>

#include <algorithm>
#include <cstring>

#include "instrumentation/bounds/program.h"
#include "instrumentation/inspect/module_set.h"

namespace coroscope::bounds {
namespace {

constexpr std::size_t kWordsAtOnce = 512;  // process_vm_readv takes 1024 places

// Words of another process, in the order of their addresses; fewer where it has fewer.
std::vector<std::uint64_t> read_words(std::uint32_t pid, const std::vector<std::uint64_t>& addresses) {
    std::vector<std::uint64_t> words(addresses.size());
    std::size_t done = 0;
    while (done < addresses.size()) {
        const std::size_t count = std::min(kWordsAtOnce, addresses.size() - done);
        std::vector<iovec> remote(count);
        for (std::size_t i = 0; i < count; ++i)
            remote[i] = {reinterpret_cast<void*>(addresses[done + i]), sizeof(std::uint64_t)};
        iovec local{words.data() + done, count * sizeof(std::uint64_t)};
        const ssize_t got = process_vm_readv(static_cast<pid_t>(pid), &local, 1, remote.data(), count, 0);
        if (got > 0) done += static_cast<std::size_t>(got) / sizeof(std::uint64_t);
        if (got != static_cast<ssize_t>(count * sizeof(std::uint64_t))) break;
    }
    words.resize(done);
    return words;
}

}  // namespace

base::Status Program::bind_to(std::uint32_t pid) {
    auto modules = inspect::read_modules(pid);
    if (!modules) return modules.error();
    std::vector<std::uint64_t> biases(binaries_.size());
    std::vector<bool> mapped(binaries_.size());
    for (std::size_t i = 0; i < binaries_.size(); ++i) {
        inspect::ElfFile& file = binaries_[i]->binary->file();
        const auto module = std::find_if(modules->begin(), modules->end(), [&](const inspect::Module& one) {
            return !one.build_id.empty() && one.build_id == file.build_id();
        });
        mapped[i] = module != modules->end();
        if (mapped[i]) biases[i] = module->low - file.first_address();
    }
    if (!mapped.front()) {
        return base::error(base::ErrorCode::kUnreadable,
                           "process " + std::to_string(pid) + " does not run this build of " +
                               binary().path() + ": leave the file out, and what runs there is taken");
    }
    for (std::size_t i = 0; i < binaries_.size(); ++i) {
        if (!mapped[i]) continue;
        Binary& from = *binaries_[i]->binary;
        std::vector<std::uint64_t> slots;
        std::vector<std::uint64_t> addresses;
        for (const auto& [address, slot] : from.pointers()) {
            if (!slot.through_table && slot.kind != Binary::Slot::Kind::kChosenAtStart) continue;
            slots.push_back(address);
            addresses.push_back(address + biases[i]);
        }
        const std::vector<std::uint64_t> words = read_words(pid, addresses);
        for (std::size_t word = 0; word < words.size(); ++word) {
            for (std::size_t to = 0; to < binaries_.size(); ++to) {
                const auto function = mapped[to] ? binaries_[to]->binary->function_at(words[word] - biases[to])
                                                 : std::nullopt;
                if (function) binaries_[i]->bound.emplace(slots[word], binaries_[to]->first + *function);
            }
        }
    }
    pid_ = pid;
    return base::ok_status();
}

}  // namespace coroscope::bounds
