// size-table: its command line. See tool.h.
#include <cstdio>
#include <fstream>
#include <span>
#include <string>
#include <string_view>

#include "runtime/built_in_sizes/tool.h"

namespace {

using cprime::detail::SizeTable;

constexpr int kExitGood = 0, kExitMisfit = 1, kExitUnusable = 2;

int fail(const std::string& sentence) {
    std::fprintf(stderr, "size-table: %s\n", sentence.c_str());
    return kExitUnusable;
}

int write_source(const std::string& table_path, const std::string& out, bool growable) {
    const auto table = SizeTable::load(table_path);
    if (!table) return fail(table.error().message);
    std::ofstream file(out, std::ios::binary);
    file << cprime::built_in_sizes::source_of(*table, table_path, growable);
    file.close();
    return file ? kExitGood : fail(out + " cannot be written; build in a folder that can");
}

int check(const std::string& table_path, const std::string& binary, const std::string& coroscope,
          bool growable) {
    const auto table = SizeTable::load(table_path);
    if (!table) return fail(table.error().message);
    const auto analysis = cprime::built_in_sizes::analyze(coroscope, binary);
    if (!analysis) {
        std::fprintf(stderr, "warning: the size table %s is not held against the program: %s\n",
                     table_path.c_str(), analysis.error().message.c_str());
        return kExitGood;
    }
    const auto found = cprime::built_in_sizes::check(*table, table_path, binary, *analysis, growable);
    if (!found) return fail(found.error().message);
    if (!found->stale.empty()) std::fprintf(stderr, "warning: %s\n", found->stale.c_str());
    if (found->misfits.empty()) return kExitGood;
    std::fprintf(stderr, "error: %s\n", found->misfits.c_str());
    return kExitMisfit;
}

}  // namespace

int main(int argc, char** argv) {
    std::span<char*> words(argv, static_cast<std::size_t>(argc));
    const bool growable = !words.empty() && words.back() == std::string_view("--growable");
    if (growable) words = words.first(words.size() - 1);
    if (words.size() == 4 && words[1] == std::string_view("source"))
        return write_source(words[2], words[3], growable);
    if (words.size() == 5 && words[1] == std::string_view("check"))
        return check(words[2], words[3], words[4], growable);
    return fail(
        "use: size-table source TABLE OUT.cpp [--growable], or: size-table check TABLE BINARY COROSCOPE "
        "[--growable]");
}
