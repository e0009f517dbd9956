// See file_words.h.
#include "app/cli/file_words.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "traces/analyses/profile.h"
#include "traces/exports/export.h"

namespace coroscope::app {
namespace {

template <typename Names>
std::string listed(const Names& names, const char* between = ", ") {
    std::string text;
    for (const char* name : names)
        text += (text.empty() ? "" : between) + std::string(name);
    return text;
}

// A wrong name as one sentence that lists the right ones.
template <typename Names>
CLI::Validator one_of(const Names& names) {
    return CLI::Validator(
        [&names](const std::string& typed) {
            const bool known = std::any_of(names.begin(), names.end(),
                                           [&](const char* name) { return typed == name; });
            return known ? std::string() : "there is no '" + typed + "': choose one of " + listed(names);
        },
        "{" + listed(names, ",") + "}");
}

}  // namespace

void declare_binary(CLI::App* word, std::string& binary) {
    word->add_option("--binary", binary,
                     "The program that a core is of, where its own path is gone or another build")
        ->type_name("BINARY");
}

void declare_before(CLI::App* word, std::string& before) {
    word->add_option("--before", before,
                     "The Sizes and Compare views compare with this run: its trace, or for Sizes a size table of it (*.json)")
        ->type_name("FILE")
        ->check(CLI::ExistingFile);
}

void declare_analyze(CLI::App* word, AnalyzeWish& wish, std::string& pid) {
    word->add_option("BINARY", wish.binary, "A program or a shared library, with its symbols");
    CLI::Option* function = word->add_option("--function", wish.function,
                                             "Of the functions of this name, in place of the spawn sites")
                                ->type_name("NAME");
    word->add_flag("--all", wish.all, "Of how many functions a bound can be proven")->excludes(function);
    word->add_option("--assume", wish.assumed, "Take something to be so: no-throw = no exception is thrown; warm-malloc = each "
                     "worker has allocated before; any-callee = calls through pointers may reach anybody, so that no list of whom they reach is "
                     "taken from vtables, tables and types; may be given again")
        ->type_name("WHAT")
        ->expected(1)
        ->take_all()
        ->check(one_of(kAssumptionNames));
    word->add_option("--callgraph-info", wish.callgraph_info,
                     "Hold frames against what GCC wrote into *.ci files under this folder (-fcallgraph-info=su)")
        ->type_name("DIR");
    word->add_option("--pid", pid, "What this process runs, with the libraries' functions that it calls: those the loader has chosen there")
        ->type_name("PID");
    word->add_flag("--json", wish.json, "One JSON object on stdout");
}

base::Result<Wish> finish_analyze(AnalyzeWish wish, const std::string& pid) {
    if (wish.binary.empty() && pid.empty())
        return base::error(base::ErrorCode::kUsage, "analyze needs a binary or a running program: coroscope analyze (BINARY | --pid PID)");
    if (!pid.empty()) {
        auto number = parse_pid(pid);
        if (!number) return number.error();
        wish.pid = *number;
    }
    return Wish(std::move(wish));
}

void declare_sizes(CLI::App* word, SizesWish& wish) {
    word->add_option("FILE", wish.traces, "Traces written by 'coroscope record', or tables written before")->required();
    CLI::Option* output = word->add_option("-o,--output", wish.output, "Write the table here; without it, only print")
                              ->type_name("FILE");
    CLI::Option* merge = word->add_option("--merge", wish.previous_tables, "Take in an earlier table; may be given again")
                             ->type_name("FILE")
                             ->expected(1)
                             ->take_all();
    CLI::Option* binary = word->add_option("--binary", wish.binaries,
                                           "The binary that ran, to prove bounds from, where it does not lie where it ran; may be given again")
                              ->type_name("BINARY")
                              ->expected(1)
                              ->take_all();
    word->add_flag("--compare", wish.compare, "Of two files, before and after: what changed at each site and in sum")
        ->excludes(output)
        ->excludes(merge)
        ->excludes(binary);
    word->add_flag("--json", wish.json, "One JSON object on stdout");
}

base::Result<Wish> finish_sizes(SizesWish wish) {
    if (wish.compare && wish.traces.size() != 2)
        return base::error(base::ErrorCode::kUsage, "--compare takes two files: the one before and the one after");
    return Wish(std::move(wish));
}

void declare_profile(CLI::App* word, ProfileWish& wish) {
    word->add_option("FILE", wish.file, "A trace written by 'coroscope record'")->required();
    word->add_option("--by", wish.by, "Rows: " + listed(analyses::kProfileByNames) + " (default site)")
        ->type_name("WHAT")
        ->check(one_of(analyses::kProfileByNames));
    word->add_option("--sort", wish.sort, "Order: " + listed(analyses::kProfileSortNames) + " (default total)")
        ->type_name("KEY")
        ->check(one_of(analyses::kProfileSortNames));
    word->add_option("--top", wish.top, "Rows to show (default 20; 0 = all)")->type_name("N");
    word->add_flag("--json", wish.json, "One JSON object on stdout");
}

void declare_compare(CLI::App* word, CompareWish& wish) {
    word->add_option("BEFORE", wish.before, "A trace written by 'coroscope record'")->required();
    word->add_option("AFTER", wish.after, "Another one, of the run that is held against it")->required();
    word->add_flag("--json", wish.json, "One JSON object on stdout");
}

void declare_export(CLI::App* word, ExportWish& wish, std::string& at) {
    word->add_option("FILE", wish.file, "A trace written by 'coroscope record'")->required();
    word->add_option("--format", wish.format, listed(exports::kFormatNames))
        ->type_name("FORMAT")
        ->required()
        ->check(one_of(exports::kFormatNames));
    word->add_option("-o,--output", wish.output, "The file to write (csv: the folder); - is stdout")
        ->type_name("OUT")
        ->required();
    word->add_option("--kind", wish.kind,
                     "pprof, speedscope, folded: " + listed(exports::kKindNames) + " (default blocked)")
        ->type_name("KIND")
        ->check(one_of(exports::kKindNames));
    word->add_option("--at", at,
                     "dot and stack-memory: the moment, such as 1500ms (default: the last with coroutines)")
        ->type_name("T");
}

base::Result<Wish> finish_export(ExportWish wish, const std::string& at) {
    const exports::Format format = *exports::find_format(wish.format);
    const bool by_stack = exports::is_by_stack(format);
    if (!wish.kind.empty() && !by_stack)
        return base::error(base::ErrorCode::kUsage, "--kind goes with pprof, speedscope and folded: " +
                                                        wish.format + " holds everything");
    if (wish.output == "-" && !exports::can_stream(format)) {
        return base::error(base::ErrorCode::kUsage,
                           wish.format + " cannot go to stdout: name a " +
                               (format == exports::Format::kCsv ? "folder" : "file") + " with -o");
    }
    if (at.empty()) return Wish(std::move(wish));
    if (format != exports::Format::kDot && wish.kind != "stack-memory")
        return base::error(
            base::ErrorCode::kUsage,
            "--at goes with dot and with --kind stack-memory: the others tell of the whole trace");
    auto at_ns = parse_duration_ns(at);
    if (!at_ns) return at_ns.error();
    wish.at_ns = *at_ns;
    return Wish(std::move(wish));
}

}  // namespace coroscope::app
