// What a frame of the window costs with a pool of a million slots: CPU time of the frame's thread, between NewFrame and Render.
//
//   frame_cost [--slots N] [--frames N] [--json]
//
// The window is the real one (views::MainWindow, 1600 x 1000), its session synthetic (crowd.h). Textures are OpenGL's where this machine has
// an EGL, else a copy in memory. Three kinds of frame are told apart:
//
//   still     nothing changed since the frame before
//   takes     the frame that takes a newer Moment, 2 % of whose coroutines are in another state, and lets go of the old one
//   shows     the frame in which the model of that Moment has arrived from the background and reaches the screen
//
// What the graphics driver does after Render is not counted: with a graphics card it is not this processor's. What the background thread
// computes a Moment is printed apart.
#include <fmt/format.h>
#include <imgui.h>
#include <time.h>

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "app/platform.h"
#include "crowd.h"
#include "fake_session.h"
#include "views/main_window.h"
#include "views/pool_view.h"

namespace {

using namespace coroscope;

constexpr int kWidth = 1600, kHeight = 1000;

double thread_cpu_ms() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

// Where there is no OpenGL: what a driver does at least, a copy.
class MemoryTextures : public views::TextureStore {
public:
    ImTextureID create(int width, int height) override {
        auto* pixels = new std::vector<std::uint32_t>(static_cast<std::size_t>(width) *
                                                      static_cast<std::size_t>(height));
        return pixels;
    }
    void update_rows(ImTextureID texture, int width, int first_row, int rows,
                     const std::uint32_t* pixels) override {
        auto& to = *static_cast<std::vector<std::uint32_t>*>(texture);
        const auto row = static_cast<std::size_t>(width);
        std::memcpy(&to[static_cast<std::size_t>(first_row) * row], pixels,
                    static_cast<std::size_t>(rows) * row * sizeof *pixels);
    }
    void destroy(ImTextureID texture) override { delete static_cast<std::vector<std::uint32_t>*>(texture); }
    int side_max() const override { return 8192; }
};

struct Times {
    std::vector<double> ms;
    double min() const { return *std::min_element(ms.begin(), ms.end()); }
    double median() const {
        std::vector<double> sorted = ms;
        std::sort(sorted.begin(), sorted.end());
        return sorted[sorted.size() / 2];
    }
    double max() const { return *std::max_element(ms.begin(), ms.end()); }
};

struct Level {
    const char* name;
    const char* preset;  // "" = the heatmap alone
    int cell;            // 0 = all visible
    bool middle;         // scrolled to the middle slot
};

struct Row {
    std::string name;
    Times still, takes, shows;
};

class Stage {
public:
    explicit Stage(std::uint32_t slots) : window_([this] { wake(); }) {
        ImGui::GetIO().IniFilename = nullptr;
        app::PlatformOptions options;
        options.width = kWidth;
        options.height = kHeight;
        if (auto made = app::make_offscreen_platform(options); made.ok()) platform_ = std::move(made).value();
        ImGui::GetIO().DisplaySize = {kWidth, kHeight};
        window_.set_up(*views::find_theme("dark"), 1, platform_ != nullptr ? platform_->textures() : memory_);
        if (platform_ == nullptr) {
            unsigned char* pixels = nullptr;
            int width = 0, height = 0;
            ImGui::GetIO().Fonts->GetTexDataAsRGBA32(&pixels, &width, &height);
        }
        views::CrowdOptions crowd;
        crowd.slots = slots;
        first_ = views::make_crowd(crowd);
        second_ = views::next_crowd(*first_, 0.02, 2);
        session_ = std::make_shared<views::FakeSession>(views::FakeOptions{});
        session_->publish(first_);
        window_.open(session_);
    }

    const char* textures() const { return platform_ != nullptr ? "OpenGL" : "memory"; }
    const traces::Moment& moment() const { return *first_; }

    Row measure(const Level& level, int frames) {
        Row row;
        row.name = level.name;
        show(level);
        for (int i = 0; i < frames; ++i)
            row.still.ms.push_back(frame());
        for (int i = 0; i < frames; ++i) {
            // A copy of its own, so that the window holds the last reference to the Moment before, as with a live session.
            session_->publish(std::make_shared<const traces::Moment>(i % 2 == 0 ? *second_ : *first_));
            wait_idle();
            row.takes.ms.push_back(take());
            wait_idle();
            row.shows.ms.push_back(frame());
            settle();
        }
        return row;
    }

private:
    void wake() {
        { const std::lock_guard lock(mutex_); }
        woken_.notify_all();
    }
    void wait_idle() {
        std::unique_lock lock(mutex_);
        woken_.wait(lock, [this] { return !window_.workspace().background.busy(); });
    }
    double frame() {
        if (platform_ != nullptr) platform_->begin_frame();
        const double before = thread_cpu_ms();
        ImGui::NewFrame();
        window_.draw();
        ImGui::Render();
        const double cost = thread_cpu_ms() - before;
        if (platform_ != nullptr) {
            platform_->end_frame(0);
            // Reads the picture, so that what a software driver put off is done now and not within the next frame's clock.
            (void)platform_->picture();
        }
        return cost;
    }
    // Frames until one takes the newer Moment: its cost. The window waits as long as its background worked before it takes another.
    double take() {
        const traces::Moment* before = window_.workspace().moment.get();
        double cost = 0;
        while (window_.workspace().moment.get() == before)
            cost = frame();
        return cost;
    }
    void settle() {
        for (int i = 0; i < 8 || !window_.settled(); ++i) {
            wait_idle();
            frame();
            window_.workspace()
                .frames_wanted = 0;  // the loop around the window counts them down; here all are drawn anyway
        }
    }
    void show(const Level& level) {
        if (!window_.panels().maximised().empty()) window_.panels().maximise(window_.panels().maximised());
        window_.use_preset(*level.preset != '\0' ? level.preset : "overview");
        if (*level.preset == '\0') window_.panels().maximise("pools");
        static_cast<views::PoolView*>(window_.view("pools"))
            ->set_level(level.cell != 0 ? std::optional<int>(level.cell) : std::nullopt);
        settle();
        window_.workspace().clear_selection();
        settle();
        const auto slots = static_cast<std::uint32_t>(first_->state.pools[0].slots());
        window_.workspace().select_slot({0, level.middle ? slots / 2 : 0});
        settle();
    }

    std::mutex mutex_;
    std::condition_variable woken_;
    std::unique_ptr<app::Platform> platform_;
    MemoryTextures memory_;
    views::MainWindow window_;
    std::shared_ptr<views::FakeSession> session_;
    std::shared_ptr<const traces::Moment> first_, second_;
};

// What the background computes for one Moment of the heatmap.
Times model_cost(const traces::Moment& moment, int frames) {
    Times times;
    for (int i = 0; i < frames; ++i) {
        const double before = thread_cpu_ms();
        const views::PoolModel model = views::compute_pools(moment.state);
        times.ms.push_back(thread_cpu_ms() - before);
        if (model.pools.empty()) std::abort();
    }
    return times;
}

int run(std::uint32_t slots, int frames, bool json) {
    static constexpr Level kLevels[] = {{"heatmap, all visible", "", 0, false},
                                        {"heatmap, 1 px a slot", "", 1, true},
                                        {"heatmap, 4 px, in the middle", "", 4, true},
                                        {"heatmap, 24 px, in the middle", "", 24, true},
                                        {"window, preset overview", "overview", 0, false}};
    Stage stage(slots);
    std::vector<Row> rows;
    for (const Level& level : kLevels)
        rows.push_back(stage.measure(level, frames));
    const Times model = model_cost(stage.moment(), frames);
    double worst = 0;
    for (const Row& row : rows)
        worst = std::max({worst, row.still.median(), row.takes.median(), row.shows.median()});
    if (json) {
        nlohmann::json out = {{"slots", slots}, {"textures", stage.textures()}, {"frame_build_ms", worst}};
        for (const Row& row : rows) {
            for (const auto& [kind, times] :
                 {std::pair{"still", &row.still}, {"takes", &row.takes}, {"shows", &row.shows}})
                out["rows"][row.name][kind] = {{"min", times->min()}, {"median", times->median()}};
        }
        out["background_ms"] = {{"min", model.min()}, {"median", model.median()}};
        std::puts(out.dump(1).c_str());
        return 0;
    }
    fmt::print("CPU of the frame's thread in ms, {} slots, {} frames each, textures: {}\n\n", slots, frames,
               stage.textures());
    fmt::print("{:<32}{:>18}{:>18}{:>18}\n{:<32}", "", "still", "takes a Moment", "shows it", "");
    for (int i = 0; i < 3; ++i)
        fmt::print("{:>9}{:>9}", "min", "median");
    fmt::print("\n");
    for (const Row& row : rows) {
        fmt::print("{:<32}", row.name);
        for (const Times* times : {&row.still, &row.takes, &row.shows})
            fmt::print("{:>9.2f}{:>9.2f}", times->min(), times->median());
        fmt::print("\n");
    }
    fmt::print("\nmodel of a Moment, off the frame: min {:.2f}, median {:.2f}\n", model.min(), model.median());
    fmt::print("worst median of a frame: {:.2f} ms\n", worst);
    return 0;
}

}  // namespace

int main(int count, char** arguments) {
    std::uint32_t slots = 1U << 20;
    int frames = 10;  // of each kind; a software renderer takes minutes for all
    bool json = false;
    for (int i = 1; i < count; ++i) {
        const std::string argument = arguments[i];
        if (argument == "--json") {
            json = true;
        } else if (argument == "--slots" && i + 1 < count) {
            slots = static_cast<std::uint32_t>(std::strtoul(arguments[++i], nullptr, 10)) / 512 * 512;
        } else if (argument == "--frames" && i + 1 < count) {
            frames = std::max(1, std::atoi(arguments[++i]));
        } else {
            std::fprintf(stderr, "usage: frame_cost [--slots N] [--frames N] [--json]\n");
            return 2;
        }
    }
    ImGui::CreateContext();
    const int code = run(std::max(slots, 512U), frames, json);
    ImGui::DestroyContext();
    return code;
}
