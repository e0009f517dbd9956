// From the typed line to the word that does it.
#include <exception>
#include <new>

#include "app/cli/exit_codes.h"
#include "app/cli/words.h"
#include "app/window.h"
#include "instrumentation/inspect/target.h"

namespace coroscope::app {
namespace {

// "attach" without a PID: when there is exactly one program to attach to, that one is meant; else the start page lists them.
WindowOptions with_obvious_pid(WindowOptions options) {
    if (options.start != WindowStart::kAttach || options.pid != 0) return options;
    std::uint32_t only = 0;
    std::size_t count = 0;
    for (const inspect::TargetInfo& target : inspect::find_targets()) {
        if (!target.attachable) continue;
        only = target.pid;
        ++count;
    }
    if (count == 1) {
        options.pid = only;
    } else {
        options.start = WindowStart::kStartPage;
    }
    return options;
}

struct Doer {
    int operator()(const HelpWish& wish) const {
        auto status = write_stdout(wish.text);
        return status ? static_cast<int>(kExitGood) : fail(status.error());
    }
    int operator()(const WindowOptions& options) const { return run_window(with_obvious_pid(options)); }
    int operator()(const RecordWish& wish) const { return run_record(wish); }
    int operator()(const CompactWish& wish) const { return run_compact(wish); }
    int operator()(const LsWish& wish) const { return run_ls(wish); }
    int operator()(const LookWish& wish) const { return run_look(wish); }
    int operator()(const CtlWish& wish) const { return run_ctl(wish); }
    int operator()(const AnalyzeWish& wish) const { return run_analyze(wish); }
    int operator()(const SizesWish& wish) const { return run_sizes(wish); }
    int operator()(const ProfileWish& wish) const { return run_profile(wish); }
    int operator()(const CompareWish& wish) const { return run_compare(wish); }
    int operator()(const ExportWish& wish) const { return run_export(wish); }
    int operator()(const QueryWish& wish) const { return run_query(wish); }
    int operator()(const LintsWish& wish) const { return run_lints(wish); }
    int operator()(const TopWish& wish) const { return run_top(wish); }
    int operator()(const DoctorWish& wish) const { return run_doctor(wish); }
};

}  // namespace

int run_command_line(int argc, char** argv) {
    try {
        auto wish = parse_command_line(std::vector<std::string>(argv + 1, argv + argc));
        if (!wish) return fail(wish.error());
        return std::visit(Doer{}, *wish);
    } catch (const std::bad_alloc&) {
        return fail(base::error(
            base::ErrorCode::kUnreadable,
            "there is not enough memory for this: close other programs, or look at a shorter trace"));
    } catch (const std::exception& exception) {
        return fail(base::error(base::ErrorCode::kInternal,
                                std::string("this is a bug of coroscope's own: ") + exception.what()));
    }
}

}  // namespace coroscope::app
