// `coroscope ls`: the programs that can be attached to, and those that cannot with the reason.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "app/cli/exit_codes.h"
#include "app/cli/words.h"
#include "instrumentation/inspect/target.h"

namespace coroscope::app {
namespace {

std::string as_json(const std::vector<inspect::TargetInfo>& targets) {
    nlohmann::json list = nlohmann::json::array();
    for (const inspect::TargetInfo& target : targets) {
        list.push_back({{"pid", target.pid},
                        {"parent_pid", target.parent_pid},
                        {"uid", target.uid},
                        {"program", target.program},
                        {"command_line", target.command_line},
                        {"attachable", target.attachable},
                        {"why_not", target.why_not}});
    }
    const nlohmann::json answer = {{"targets", std::move(list)}};
    return answer.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string as_text(const std::vector<inspect::TargetInfo>& targets) {
    if (targets.empty()) return "No program with a CPrime runtime is running.\n";
    std::string text = fmt::format("{:>8}  {:>6}  {}\n", "PID", "UID", "COMMAND");
    for (const inspect::TargetInfo& target : targets) {
        const std::string& command = target.command_line.empty() ? target.program : target.command_line;
        text += fmt::format("{:>8}  {:>6}  {}\n", target.pid, target.uid, command);
        if (!target.attachable) text += fmt::format("{:>18}cannot be attached to: {}\n", "", target.why_not);
    }
    return text;
}

}  // namespace

int run_ls(const LsWish& wish) {
    const std::vector<inspect::TargetInfo> targets = inspect::find_targets();
    if (auto status = write_stdout(wish.json ? as_json(targets) : as_text(targets)); !status)
        return fail(status.error());
    return kExitGood;
}

}  // namespace coroscope::app
