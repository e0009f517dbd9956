// `coroscope doctor`: what this machine lacks, and how to mend it. One line a finding; always exits 0, because a finding about the machine is
// an answer, not a failure.
#include <fmt/format.h>
#include <imgui.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "app/cli/exit_codes.h"
#include "app/cli/machine_checks.h"
#include "app/cli/words.h"
#include "app/platform.h"
#include "views/theme.h"

namespace coroscope::app {
namespace {

Finding check_fonts() {
    const auto missing = views::missing_fonts();
    if (missing.empty()) return {"fonts", true, "Inter and JetBrains Mono are there", ""};
    std::string packages;
    for (const auto& font : missing) {
        if (packages.find(font.package) == std::string::npos) packages += std::string(" ") + font.package;
    }
    return {"fonts", false, "the window's fonts are missing and a plain one stands in",
            "apt-get install" + packages};
}

Finding check_display() {
    const char* display = std::getenv("DISPLAY");
    if (display != nullptr && *display != '\0')
        return {"display", true, std::string("DISPLAY is ") + display, ""};
    return {"display", false, "no display is set, so no window can be opened",
            "set DISPLAY, or draw without one: --offscreen --screenshot FILE"};
}

Finding check_drawing() {
    ImGuiContext* context = ImGui::CreateContext();
    Finding finding{"drawing", true, "off-screen OpenGL 3.3 works", ""};
    {
        PlatformOptions options;
        options.width = options.height = 64;
        options.scale = 1;
        if (auto platform = make_offscreen_platform(options); !platform) {
            finding = {"drawing", false, platform.error().message,
                       "apt-get install libegl-mesa0 libgl1-mesa-dri"};
        }
    }
    ImGui::DestroyContext(context);
    return finding;
}

std::vector<Finding> examine() {
    std::vector<Finding> findings;
    findings.push_back(check_guard_pages());
    findings.push_back(check_map_count("", !findings.front().good));
    findings.push_back(check_overcommit(""));
    findings.push_back(check_sealing());
    findings.push_back(check_ptrace(""));
    findings.push_back(check_reading_memory());
    findings.push_back(check_clock(""));
    findings.push_back(check_debug_information());
    findings.push_back(check_display());
    findings.push_back(check_drawing());
    findings.push_back(check_fonts());
    return findings;
}

std::string as_text(const std::vector<Finding>& findings) {
    std::string text;
    for (const Finding& finding : findings) {
        text += fmt::format("{:<5} {:<18} {}{}{}\n", finding.good ? "ok" : "warn", finding.about,
                            finding.what, finding.good ? "" : ": ", finding.good ? "" : finding.remedy);
    }
    return text;
}

std::string as_json(const std::vector<Finding>& findings) {
    nlohmann::json list = nlohmann::json::array();
    for (const Finding& finding : findings) {
        list.push_back({{"about", finding.about},
                        {"good", finding.good},
                        {"what", finding.what},
                        {"remedy", finding.remedy}});
    }
    const nlohmann::json answer = {{"findings", std::move(list)}};
    return answer.dump(1) + "\n";
}

}  // namespace

int run_doctor(const DoctorWish& wish) {
    const std::vector<Finding> findings = examine();
    if (auto status = write_stdout(wish.json ? as_json(findings) : as_text(findings)); !status)
        return fail(status.error());
    return kExitGood;
}

}  // namespace coroscope::app
