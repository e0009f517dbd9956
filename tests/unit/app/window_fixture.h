// A window off screen for tests: opened on synthetic data, driven by scripts, looked at as JSON or as a picture.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <imgui.h>
#include <nlohmann/json.hpp>

#include "app/window_loop.h"
#include "fake_session.h"

namespace coroscope::app {

class WindowTest : public testing::Test {
protected:
    void SetUp() override {
        folder_ = std::filesystem::temp_directory_path() / ("coroscope-window-" + std::to_string(::getpid()));
        std::filesystem::create_directories(folder_);
        ::setenv("XDG_STATE_HOME", folder_.c_str(), 1);
        ImGui::CreateContext();
        ImGui::GetIO().IniFilename = nullptr;
        PlatformOptions options;
        options.width = 1280;
        options.height = 800;
        auto made = make_offscreen_platform(options);
        if (!made.ok()) GTEST_SKIP() << made.error().message;
        platform_ = std::move(made).value();
        loop_ = std::make_unique<WindowLoop>(*platform_, *views::find_theme("dark"));
        loop_->set_interactive(false);
    }
    void TearDown() override {
        loop_ = nullptr;
        platform_ = nullptr;
        ImGui::DestroyContext();
        if (const char* keep = std::getenv("COROSCOPE_PICTURES"); keep != nullptr) {
            for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
                if (entry.path().extension() == ".png")
                    std::filesystem::copy_file(entry.path(),
                                               std::filesystem::path(keep) / entry.path().filename(),
                                               std::filesystem::copy_options::overwrite_existing);
            }
        }
        std::filesystem::remove_all(folder_);
    }

    std::string file(const std::string& name) const { return (folder_ / name).string(); }

    void open(const views::FakeOptions& options = {}) {
        session_ = std::make_shared<views::FakeSession>(options);
        loop_->open(session_);
    }
    base::Status run(const std::string& script) {
        auto parsed = parse_script(script, "test");
        EXPECT_TRUE(parsed.ok()) << (parsed.ok() ? "" : parsed.error().message);
        if (!parsed.ok()) return parsed.error();
        loop_->use_script(std::move(parsed).value(), "test");
        return loop_->run();
    }
    // Runs the script and dumps at its end.
    nlohmann::json dump(const std::string& script) {
        const base::Status ran = run(script + "\ndump " + file("d.json") + "\n");
        EXPECT_TRUE(ran.ok()) << (ran.ok() ? "" : ran.error().message);
        std::ifstream in(file("d.json"));
        return nlohmann::json::parse(in, nullptr, false);
    }
    static std::size_t colours_in(const Picture& picture) {
        std::set<std::uint32_t> colours;
        for (std::size_t i = 0; i + 2 < picture.rgb.size(); i += 3) {
            colours.insert(static_cast<std::uint32_t>(picture.rgb[i]) << 16 |
                           static_cast<std::uint32_t>(picture.rgb[i + 1]) << 8 | picture.rgb[i + 2]);
        }
        return colours.size();
    }
    // Pixels of a look's colour.
    static std::size_t pixels_of(const Picture& picture, std::uint32_t colour) {
        const auto r = static_cast<std::uint8_t>(colour >> IM_COL32_R_SHIFT),
                   g = static_cast<std::uint8_t>(colour >> IM_COL32_G_SHIFT),
                   b = static_cast<std::uint8_t>(colour >> IM_COL32_B_SHIFT);
        std::size_t count = 0;
        for (std::size_t i = 0; i + 2 < picture.rgb.size(); i += 3)
            count += picture.rgb[i] == r && picture.rgb[i + 1] == g && picture.rgb[i + 2] == b;
        return count;
    }

    std::filesystem::path folder_;
    std::unique_ptr<Platform> platform_;
    std::unique_ptr<WindowLoop> loop_;
    std::shared_ptr<views::FakeSession> session_;
};

}  // namespace coroscope::app
