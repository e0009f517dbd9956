// What a frame of the timeline costs over a long trace: CPU time of the frame's thread between NewFrame and Render, at every zoom.
//
//   timeline_cost TRACE [--json]
//
// The window is the real one, the timeline alone in it (1600 x 1000), textures in memory. It is drawn while the trace is read, then zoomed in
// until its least span, moved there, and zoomed out again, with frames on the way: those in which a new plan arrives are among them. Beside it: how
// long until the first plan was there, and until the trace was known.
#include <fmt/format.h>
#include <imgui.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "views/main_window.h"
#include "views/timeline_view.h"

namespace {

using namespace coroscope;
using Clock = std::chrono::steady_clock;

double thread_cpu_ms() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

double ms_since(Clock::time_point begin) {
    return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

// No pictures are made.
class NoTextures : public views::TextureStore {
public:
    ImTextureID create(int, int) override { return nullptr; }
    void update_rows(ImTextureID, int, int, int, const std::uint32_t*) override {}
    void destroy(ImTextureID) override {}
    int side_max() const override { return 8192; }
};

class Stage {
public:
    explicit Stage(std::shared_ptr<traces::Session> session) : window_([] {}) {
        ImGuiIO& io = ImGui::GetIO();
        io.IniFilename = nullptr;
        io.DisplaySize = {1600, 1000};
        io.DeltaTime = 1.0F / 60;
        window_.set_up(*views::find_theme("dark"), 1, textures_);
        unsigned char* pixels = nullptr;
        int width = 0, height = 0;
        io.Fonts->GetTexDataAsRGBA32(&pixels, &width, &height);
        window_.open(std::move(session));
        window_.show("timeline");
        window_.panels().maximise("timeline");
    }
    views::TimelineView& timeline() { return static_cast<views::TimelineView&>(*window_.view("timeline")); }
    views::Workspace& workspace() { return window_.workspace(); }
    void frame(std::vector<double>& ms) {
        const double before = thread_cpu_ms();
        ImGui::NewFrame();
        window_.draw();
        ImGui::Render();
        ms.push_back(thread_cpu_ms() - before);
        // As a screen would: the planner has the time between.
        std::this_thread::sleep_until(next_ = std::max(next_ + std::chrono::milliseconds(16), Clock::now()));
    }
    void settle(std::vector<double>& ms) {
        do {
            frame(ms);
        } while (timeline().busy());
    }

private:
    NoTextures textures_;
    views::MainWindow window_;
    Clock::time_point next_ = Clock::now();
};

nlohmann::json row_of(std::vector<double> ms) {
    std::sort(ms.begin(), ms.end());
    return {{"frames", ms.size()}, {"median_ms", ms[ms.size() / 2]}, {"p99_ms", ms[ms.size() * 99 / 100]}, {"max_ms", ms.back()}};
}

int run(const std::string& path, bool as_json) {
    auto session = traces::open_trace(path);
    if (!session.ok()) {
        std::fprintf(stderr, "%s\n", session.error().message.c_str());
        return 3;
    }
    Stage stage(std::shared_ptr<traces::Session>(std::move(*session)));
    std::vector<double> opening, reading, zooming, moving;
    while (stage.workspace().moment == nullptr)
        stage.frame(opening);
    const auto begin = Clock::now();
    stage.frame(reading);
    stage.settle(reading);
    const double known_ms = ms_since(begin);
    // To where something is: the time that the session begins with.
    stage.workspace().session->set_time(stage.workspace().info.populated);
    nlohmann::json levels = nlohmann::json::array();
    double span = stage.timeline().axis().end() - stage.timeline().axis().begin();
    for (double before = 0; span != before;) {
        stage.timeline().zoom(stage.workspace(), 0.6);
        const auto asked = Clock::now();
        stage.settle(zooming);
        before = span;
        span = stage.timeline().axis().end() - stage.timeline().axis().begin();
        levels.push_back({{"span_ns", span}, {"whole_after_ms", ms_since(asked)}});
    }
    for (int i = 0; i < 40; ++i) {
        stage.timeline().pan(i % 8 < 4 ? 0.4 : -0.3);
        stage.settle(moving);
        stage.timeline().zoom(stage.workspace(), i % 2 == 0 ? 1.9 : 0.9);
        stage.settle(zooming);
    }
    const nlohmann::json out = {{"known_after_ms", known_ms}, {"reading", row_of(reading)}, {"zooming", row_of(zooming)},
                                {"moving", row_of(moving)},   {"levels", levels}};
    if (as_json) {
        std::puts(out.dump(1).c_str());
        return 0;
    }
    fmt::print("CPU of the frame's thread in ms over {}\n\n{:<12}{:>8}{:>10}{:>10}{:>10}\n", path, "", "frames", "median", "p99", "max");
    for (const char* name : {"reading", "zooming", "moving"}) {
        const nlohmann::json& row = out[name];
        fmt::print("{:<12}{:>8}{:>10.2f}{:>10.2f}{:>10.2f}\n", name, row["frames"].get<std::size_t>(), row["median_ms"].get<double>(),
                   row["p99_ms"].get<double>(), row["max_ms"].get<double>());
    }
    double worst = 0;
    for (const nlohmann::json& level : levels)
        worst = std::max(worst, level["whole_after_ms"].get<double>());
    fmt::print("\nthe trace was known after {:.0f} ms; a zoom stood after at most {:.0f} ms\n", known_ms, worst);
    return 0;
}

}  // namespace

int main(int count, char** arguments) {
    const bool as_json = count == 3 && std::strcmp(arguments[2], "--json") == 0;
    if (count < 2 || (count == 3 && !as_json) || count > 3) {
        std::fprintf(stderr, "usage: timeline_cost TRACE [--json]\n");
        return 2;
    }
    ImGui::CreateContext();
    const int code = run(arguments[1], as_json);
    ImGui::DestroyContext();
    return code;
}
