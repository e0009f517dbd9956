// What a frame of the window costs: CPU time of the frame's thread, between NewFrame and Render. ./dev frames
//
//   frame_cost [--slots N] [--swarm N] [--frames N] [--gl] [--json]
//
// The window is the real one (views::MainWindow, 1600 x 1000), its sessions synthetic: a pool of a million slots (crowd.h), a program of 100,000
// coroutines (fake_session.h) in each preset and in each view that lists them, and one with a wait graph of 500 nodes. Textures are a copy in
// memory, with --gl OpenGL's where this machine has an EGL. Three kinds of frame are told apart:
//
//   still     nothing changed since the frame before
//   takes     the frame that takes a newer Moment, and lets go of the old one; in the crowd 2 % of the coroutines are in another state
//   shows     the frame in which the models of that Moment have arrived from the background and reach the screen
//
// What the graphics driver does after Render is not counted: with a graphics card it is not this processor's. What the background thread
// computes a Moment is printed apart.
#include <fmt/format.h>
#include <imgui.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>
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
constexpr int kSettleFramesMax = 100;

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
    // Of the sorted times, the one below which this share of them lies.
    double quantile(double share) const {
        std::vector<double> sorted = ms;
        std::sort(sorted.begin(), sorted.end());
        return sorted[std::min(sorted.size() - 1, static_cast<std::size_t>(share * static_cast<double>(sorted.size())))];
    }
    double min() const { return quantile(0); }
    double median() const { return quantile(0.5); }
    double p99() const { return quantile(0.99); }
};

struct Level {
    std::string name;
    std::string preset;   // "" = one view alone
    std::string view;     // that one
    int cell = 0;         // of the heatmap; 0 = all visible
    bool middle = false;  // scrolled to the middle slot
};

using MomentPtr = std::shared_ptr<const traces::Moment>;

struct Row {
    std::string name;
    Times still, takes, shows;
};

class Stage {
public:
    // Between `first` and `second` the session goes to and fro.
    Stage(MomentPtr first, MomentPtr second, bool gl) : window_([this] { wake(); }), first_(std::move(first)), second_(std::move(second)) {
        ImGui::GetIO().IniFilename = nullptr;
        app::PlatformOptions options;
        options.width = kWidth;
        options.height = kHeight;
        if (gl) {
            if (auto made = app::make_offscreen_platform(options); made.ok()) platform_ = std::move(made).value();
        }
        ImGui::GetIO().DisplaySize = {kWidth, kHeight};
        window_.set_up(*views::find_theme("dark"), 1, platform_ != nullptr ? platform_->textures() : memory_);
        if (platform_ == nullptr) {
            unsigned char* pixels = nullptr;
            int width = 0, height = 0;
            ImGui::GetIO().Fonts->GetTexDataAsRGBA32(&pixels, &width, &height);
        }
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
        for (int i = 0; i < std::max(3, frames / 10); ++i) {
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
    // The frame that takes the newer Moment: its cost. The window waits as long as its background worked before it takes another.
    double take() {
        const traces::Moment* before = window_.workspace().moment.get();
        double cost = frame();
        while (window_.workspace().moment.get() == before) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
            cost = frame();
        }
        return cost;
    }
    void settle() {
        for (int i = 0; i < 8 || (i < kSettleFramesMax && !window_.settled()); ++i) {
            wait_idle();
            frame();
            window_.workspace()
                .frames_wanted = 0;  // the loop around the window counts them down; here all are drawn anyway
        }
    }
    void show(const Level& level) {
        if (!window_.panels().maximised().empty()) window_.panels().maximise(window_.panels().maximised());
        window_.use_preset(!level.preset.empty() ? level.preset : "overview");
        if (level.preset.empty()) {
            window_.show(level.view);
            window_.panels().maximise(level.view);
        }
        static_cast<views::PoolView*>(window_.view("pools"))
            ->set_level(level.cell != 0 ? std::optional<int>(level.cell) : std::nullopt);
        settle();
        window_.workspace().clear_selection();
        settle();
        if (level.view == "pools") {
            const auto slots = static_cast<std::uint32_t>(first_->state.pools[0].slots());
            window_.workspace().select_slot({0, level.middle ? slots / 2 : 0});
        } else {
            window_.workspace().select_coroutine(views::kFakeConsumer);  // who has words
        }
        settle();
    }

    std::mutex mutex_;
    std::condition_variable woken_;
    std::unique_ptr<app::Platform> platform_;
    MemoryTextures memory_;
    views::MainWindow window_;
    std::shared_ptr<views::FakeSession> session_;
    MomentPtr first_, second_;
};

MomentPtr program_at(std::uint32_t swarm, traces::TimeNs t) {
    views::FakeOptions options;
    options.swarm = swarm;
    return views::make_fake_moment(options, t);
}

// The same program, in which each of the first 250 of the swarm waits for a channel of its own: 500 nodes that do not look alike.
MomentPtr with_wait_graph(const traces::Moment& from) {
    constexpr std::uint32_t kPairs = 250;
    auto moment = std::make_shared<traces::Moment>(from);
    inspect::StateImage& state = moment->state;
    std::uint32_t made = 0;
    for (inspect::CoroutineImage& coroutine : state.coroutines) {
        if (made == kPairs || coroutine.identity < views::kFakeSwarmFirst) continue;
        inspect::ChannelImage channel = state.channels.front();
        channel.index = static_cast<std::uint32_t>(state.channels.size());
        channel.identity = channel.index + 1;
        channel.name = 0;
        channel.length = 0;
        channel.senders_waiting = 0;
        channel.receivers_waiting = 1;
        coroutine.state = wire::CoroutineState::kParked;
        coroutine.reason = wire::WaitReason::kChannelReceive;
        coroutine.wait_object = channel.index;
        state.channels.push_back(channel);
        ++made;
    }
    state.index();
    return moment;
}

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

struct Report {
    std::vector<Row> rows;
    const char* textures = "";

    void measure(Stage& stage, const std::vector<Level>& levels, int frames) {
        textures = stage.textures();
        for (const Level& level : levels)
            rows.push_back(stage.measure(level, frames));
    }
    double worst_median() const {
        double worst = 0;
        for (const Row& row : rows)
            worst = std::max({worst, row.still.median(), row.takes.median(), row.shows.median()});
        return worst;
    }
};

std::vector<Level> program_levels() {
    std::vector<Level> levels;
    for (const views::Preset& preset : views::presets())
        levels.push_back({fmt::format("preset {}", preset.name), preset.name, ""});
    for (const char* view : {"coroutines", "stack", "waits", "channels", "histograms", "workers", "timeline", "sizes", "lints"})
        levels.push_back({fmt::format("{} alone", view), "", view});
    return levels;
}

void print(const Report& report, int frames) {
    fmt::print("CPU of the frame's thread in ms, {} still frames each and a tenth of the others, textures: {}\n\n", frames, report.textures);
    fmt::print("{:<36}{:>18}{:>18}{:>18}\n{:<36}", "", "still", "takes a Moment", "shows it", "");
    for (int i = 0; i < 3; ++i)
        fmt::print("{:>9}{:>9}", "median", "p99");
    fmt::print("\n");
    for (const Row& row : report.rows) {
        fmt::print("{:<36}", row.name);
        for (const Times* times : {&row.still, &row.takes, &row.shows})
            fmt::print("{:>9.2f}{:>9.2f}", times->median(), times->p99());
        fmt::print("\n");
    }
}

int run(std::uint32_t slots, std::uint32_t swarm, int frames, bool gl, bool json) {
    Report report;
    views::CrowdOptions options;
    options.slots = slots;
    MomentPtr crowd = views::make_crowd(options);
    const Times model = model_cost(*crowd, std::min(frames, 10));
    {
        Stage stage(crowd, views::next_crowd(*crowd, 0.02, 2), gl);
        report.measure(stage,
                       {{fmt::format("{} slots, all visible", slots), "", "pools"},
                        {"the same, 1 px a slot", "", "pools", 1, true},
                        {"the same, 4 px, in the middle", "", "pools", 4, true},
                        {"the same, 24 px, in the middle", "", "pools", 24, true},
                        {"the same, preset overview", "overview", "pools"}},
                       frames);
    }
    crowd = nullptr;
    const MomentPtr first = program_at(swarm, 1'500'000'000), second = program_at(swarm, 1'600'000'000);
    {
        Stage stage(first, second, gl);
        report.measure(stage, program_levels(), frames);
    }
    {
        Stage stage(with_wait_graph(*first), with_wait_graph(*second), gl);
        report.measure(stage, {{"wait graph of 500 nodes", "", "waits"}}, frames);
    }
    if (!json) {
        print(report, frames);
        fmt::print("\nheatmap's model of a Moment, off the frame: min {:.2f}, median {:.2f}\n", model.min(), model.median());
        fmt::print("worst median of a frame: {:.2f} ms\n", report.worst_median());
        return 0;
    }
    nlohmann::json out = {{"slots", slots}, {"swarm", swarm}, {"textures", report.textures}, {"frame_build_ms", report.worst_median()}};
    for (const Row& row : report.rows) {
        for (const auto& [kind, times] : {std::pair{"still", &row.still}, {"takes", &row.takes}, {"shows", &row.shows}})
            out["rows"][row.name][kind] = {{"min", times->min()}, {"median", times->median()}, {"p99", times->p99()}};
    }
    out["background_ms"] = {{"min", model.min()}, {"median", model.median()}};
    std::puts(out.dump(1).c_str());
    return 0;
}

}  // namespace

int main(int count, char** arguments) {
    std::uint32_t slots = 1U << 20, swarm = 100'000;
    int frames = 100;  // that are still; a tenth of the others
    bool json = false, gl = false;
    for (int i = 1; i < count; ++i) {
        const std::string argument = arguments[i];
        if (argument == "--json") {
            json = true;
        } else if (argument == "--gl") {
            gl = true;
        } else if (argument == "--swarm" && i + 1 < count) {
            swarm = std::max(1000U, static_cast<std::uint32_t>(std::strtoul(arguments[++i], nullptr, 10)));
        } else if (argument == "--slots" && i + 1 < count) {
            slots = static_cast<std::uint32_t>(std::strtoul(arguments[++i], nullptr, 10)) / 512 * 512;
        } else if (argument == "--frames" && i + 1 < count) {
            frames = std::max(1, std::atoi(arguments[++i]));
        } else {
            std::fprintf(stderr, "usage: frame_cost [--slots N] [--swarm N] [--frames N] [--gl] [--json]\n");
            return 2;
        }
    }
    ImGui::CreateContext();
    const int code = run(std::max(slots, 512U), swarm, frames, gl, json);
    ImGui::DestroyContext();
    return code;
}
