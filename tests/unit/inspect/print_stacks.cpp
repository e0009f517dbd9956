// Prints every parked stack of a process as inspect sees it, a line a level: "ID PC INLINED FILE LINE
// FUNCTION". For gdb_test.py.
#include <cstdio>
#include <cstdlib>

#include "instrumentation/inspect/symbols.h"
#include "instrumentation/inspect/unwinder.h"

using namespace coroscope;

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    auto target = inspect::Target::attach(static_cast<std::uint32_t>(std::atoi(argv[1])), {});
    if (!target) {
        std::fprintf(stderr, "%s\n", target.error().message.c_str());
        return 3;
    }
    const auto modules = (*target)->modules();
    const auto state = (*target)->read_state();
    if (!modules || !state) return 3;
    inspect::Unwinder unwinder(*modules, target->get(), state->trampoline_address);
    inspect::Symbolizer symbols(*modules);
    inspect::StackTable table;
    const auto snapshot = inspect::snapshot_stacks(**target, unwinder, *state, table, nullptr, nullptr,
                                                   nullptr);
    for (const inspect::StackRef& ref : snapshot.stacks) {
        if (ref.end != inspect::UnwindEnd::kEntry) continue;
        for (const inspect::Frame& frame : symbols.frames(table.pcs(ref.stack))) {
            std::printf("%llu %llx %d %s %u %s\n", static_cast<unsigned long long>(ref.identity),
                        static_cast<unsigned long long>(frame.pc), frame.inlined ? 1 : 0,
                        frame.file.empty() ? "-" : frame.file.c_str(), frame.line, frame.function.c_str());
        }
    }
    return 0;
}
