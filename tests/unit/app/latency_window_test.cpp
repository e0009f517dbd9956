// From an input, or from data, to the picture: how many frames, in the loop that runs every window, with a platform that counts them.
//
// Before each input the window is at rest, so that whatever differs from the picture before is what came of it. Frames are counted, not time:
// a frame is drawn at once when there is something to draw (window.cpp).
#include <cstdio>

#include "window_fixture.h"

namespace coroscope::app {
namespace {

struct Step {
    std::string name;
    std::function<void()> act;  // when the window is at rest
    bool is_input = true;       // else data: nothing came from mouse or keys
};

struct Count {
    int first = 0, last = 0;  // frame whose picture differed first from the one before the input, and the last that changed at all
};

// The off-screen platform with hands, which looks at each picture. Wakes of other threads reach the one inside.
class CountingPlatform : public Platform {
public:
    explicit CountingPlatform(Platform& inside) : inside_(inside) {}

    std::vector<Step> steps;
    std::function<bool()> at_rest;
    std::vector<Count> counts;
    std::string chord;  // for the next look at the keys
    float mouse_x = -1, mouse_y = -1, wheel = 0;
    bool down = false;

    bool wait(double seconds) override {
        if (seconds == 0) return true;  // frames are still wanted
        if (!at_rest()) return inside_.wait(seconds);
        if (at_ > 0) counts.push_back(count_);
        if (at_ == steps.size()) return false;
        count_ = {};
        frames_ = 0;
        before_ = last_ = look();
        input_seen_ = steps[at_].is_input;
        steps[at_++].act();
        return true;
    }
    bool take_input_seen() override { return std::exchange(input_seen_, false); }
    std::vector<std::string> take_chords() override {
        if (chord.empty()) return {};
        return {std::exchange(chord, {})};
    }
    void begin_frame() override {
        inside_.begin_frame();
        ImGuiIO& io = ImGui::GetIO();
        io.MousePos = {mouse_x, mouse_y};
        io.MouseDown[0] = down;
        io.MouseWheel = std::exchange(wheel, 0);
    }
    void end_frame(std::uint32_t background) override {
        inside_.end_frame(background);
        if (at_ == 0) return;
        ++frames_;
        std::vector<std::uint8_t> now = look();
        if (count_.first == 0 && now != before_) count_.first = frames_;
        if (now != last_) count_.last = frames_;
        last_ = std::move(now);
    }
    float scale() const override { return inside_.scale(); }
    void wake() override { inside_.wake(); }
    base::Result<Picture> picture() override { return inside_.picture(); }
    void fonts_changed() override { inside_.fonts_changed(); }
    void set_title(const std::string& title) override { inside_.set_title(title); }
    void resize(int width, int height) override { inside_.resize(width, height); }
    void set_scale(float scale) override { inside_.set_scale(scale); }
    views::TextureStore& textures() override { return inside_.textures(); }

private:
    std::vector<std::uint8_t> look() {
        auto seen = inside_.picture();
        return seen.ok() ? std::move(seen->rgb) : std::vector<std::uint8_t>();
    }

    Platform& inside_;
    std::size_t at_ = 0;
    Count count_;
    int frames_ = 0;
    bool input_seen_ = false;
    std::vector<std::uint8_t> before_, last_;
};

class LatencyTest : public WindowTest {
protected:
    void SetUp() override {
        WindowTest::SetUp();
        if (platform_ == nullptr) return;
        loop_ = nullptr;
        counting_ = std::make_unique<CountingPlatform>(*platform_);
        loop_ = std::make_unique<WindowLoop>(*counting_, *views::find_theme("dark"));
        open();
        counting_->at_rest = [this] { return loop_->settled(); };
    }
    void TearDown() override {
        loop_ = nullptr;
        counting_ = nullptr;
        WindowTest::TearDown();
    }
    void to_widget(const std::string& name) {
        const auto at = loop_->main().workspace().published(name);
        ASSERT_TRUE(at.has_value()) << name;
        counting_->mouse_x = (at->x0 + at->x1) / 2;
        counting_->mouse_y = (at->y0 + at->y1) / 2;
    }
    void add(const std::string& name, std::function<void()> act, bool is_input = true) {
        counting_->steps.push_back({name, std::move(act), is_input});
    }
    void add_key(const std::string& chord) {
        add("key " + chord, [this, chord] { counting_->chord = chord; });
    }
    // At most `frames` from each step to the first picture that shows it.
    void expect_within(int frames) {
        ASSERT_TRUE(loop_->run().ok());
        ASSERT_EQ(counting_->counts.size(), counting_->steps.size());
        for (std::size_t i = 0; i < counting_->counts.size(); ++i) {
            const Count& count = counting_->counts[i];
            std::printf("%-28s seen in frame %d, whole in frame %d\n", counting_->steps[i].name.c_str(), count.first, count.last);
            EXPECT_GE(count.first, 1) << counting_->steps[i].name << " was never seen";
            EXPECT_LE(count.first, frames) << counting_->steps[i].name;
        }
    }

    std::unique_ptr<CountingPlatform> counting_;
};

TEST_F(LatencyTest, an_input_is_in_the_picture_within_two_frames) {
    add("mouse onto a row", [this] { to_widget("row.4"); });
    add("press", [this] { counting_->down = true; });
    add("release, which selects", [this] { counting_->down = false; });
    add_key("j");
    add_key("f3");
    add_key("f1");
    add_key("ctrl+shift+p");
    add_key("escape");
    add("wheel over the table", [this] {
        to_widget("view.coroutines");
        counting_->wheel = -3;
    });
    add("resize", [this] { counting_->resize(1000, 700); });
    expect_within(2);
}

TEST_F(LatencyTest, data_is_in_the_picture_within_two_frames) {
    traces::TimeNs t = 2'000'000'000;
    for (int i = 0; i < 4; ++i, t += 500'000'000) {
        add("a Moment", [this, t, i] {
            views::FakeOptions options;
            options.swarm = 1000 + static_cast<std::uint32_t>(i) * 300;
            session_->publish(views::make_fake_moment(options, t));
        }, false);
    }
    expect_within(2);
}

}  // namespace
}  // namespace coroscope::app
