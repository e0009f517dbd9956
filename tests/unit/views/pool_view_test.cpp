// The work of a frame of the heatmap, counted: it follows the pixels of the screen, never the slots of the pools. (What it takes in time:
// tests/frames/frame_cost.cpp.)
#include "views/pool_view.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "crowd.h"
#include "fake_session.h"

namespace coroscope::views {
namespace {

constexpr float kWidth = 1280, kHeight = 800;
constexpr std::uint64_t kPixels = 1280 * 800;

// Textures that hold nothing and count what is sent.
class CountingTextures : public TextureStore {
public:
    ImTextureID create(int width, int height) override {
        created_pixels_ += static_cast<std::uint64_t>(width) * static_cast<std::uint64_t>(height);
        return this;
    }
    void update_rows(ImTextureID /*texture*/, int width, int first_row, int rows,
                     const std::uint32_t* pixels) override {
        EXPECT_GE(first_row, 0);
        EXPECT_NE(pixels, nullptr);
        sent_pixels_ += static_cast<std::uint64_t>(width) * static_cast<std::uint64_t>(rows);
    }
    void destroy(ImTextureID /*texture*/) override {}
    int side_max() const override { return 8192; }

    std::uint64_t take_sent() { return std::exchange(sent_pixels_, 0); }
    std::uint64_t take_created() { return std::exchange(created_pixels_, 0); }

private:
    std::uint64_t sent_pixels_ = 0, created_pixels_ = 0;
};

#if defined(__SANITIZE_THREAD__)
constexpr std::uint32_t kSlots = 1U << 10;
#else
constexpr std::uint32_t kSlots = 1U << 20;
#endif

class PoolViewWork : public testing::Test {
protected:
    PoolViewWork() : ws_([this] { wake(); }) {
        ImGui::CreateContext();
        ImGui::GetIO().IniFilename = nullptr;
        ImGui::GetIO().DisplaySize = {kWidth, kHeight};
        ws_.scale = 1;
        ws_.theme = find_theme("dark");
        ws_.fonts = load_fonts(1);
        ws_.textures = &textures_;
        apply_theme(*ws_.theme, 1);
        unsigned char* pixels = nullptr;
        int width = 0, height = 0;
        ImGui::GetIO().Fonts->GetTexDataAsRGBA32(&pixels, &width, &height);
        CrowdOptions options;
        options.slots = kSlots;
        first_ = make_crowd(options);
        session_ = std::make_shared<FakeSession>(FakeOptions{});
        session_->publish(first_);
        ws_.open(session_);
    }
    void SetUp() override {
        if (kSlots < 1U << 20) GTEST_SKIP() << "all on one thread, and a minute and a half under TSan";
    }
    ~PoolViewWork() override {
        view_ = nullptr;
        ImGui::DestroyContext();
    }

    // One frame; what it drew.
    int frame() {
        ws_.begin_widgets();
        ws_.moment = session_->moment();  // without the analyses that other views want
        ImGui::GetIO().DeltaTime = 1.0F / 60;
        ImGui::NewFrame();
        ImGui::SetNextWindowPos({0, 0});
        ImGui::SetNextWindowSize({kWidth, kHeight});
        ImGui::Begin("test", nullptr, ImGuiWindowFlags_NoDecoration);
        view_->draw(ws_);
        ImGui::End();
        ImGui::Render();
        return ImGui::GetDrawData()->TotalVtxCount;
    }
    // Frames until nothing is under way; what the last one drew.
    int settle() {
        int vertices = 0;
        for (int i = 0; i < 6; ++i) {
            vertices = frame();
            std::unique_lock lock(mutex_);
            woken_.wait(lock, [this] { return !ws_.background.busy(); });
        }
        return vertices;
    }

private:
    void wake() {
        { const std::lock_guard lock(mutex_); }
        woken_.notify_all();
    }

protected:
    std::mutex mutex_;
    std::condition_variable woken_;
    CountingTextures textures_;
    Workspace ws_;
    std::unique_ptr<PoolView> view_ = std::make_unique<PoolView>();
    std::shared_ptr<const traces::Moment> first_;
    std::shared_ptr<FakeSession> session_;
};

// Vertices: nothing a slot. Lines between cells are two rectangles a row or column, marks some dozen vertices in at most 6,000 cells.
constexpr int kVerticesMax = 200'000;

TEST_F(PoolViewWork, a_million_slots_cost_pixels_and_not_slots_at_every_level) {
    for (const std::optional<int> level :
         {std::optional<int>(), std::optional(-2), std::optional(1), std::optional(2), std::optional(4),
          std::optional(10), std::optional(24)}) {
        view_->set_level(level);
        ws_.clear_selection();
        settle();
        ws_.select_slot({0, 1U << 19});  // scrolls to the middle
        const int vertices = settle();
        textures_.take_sent();
        textures_.take_created();
        EXPECT_LE(vertices, kVerticesMax) << level.value_or(0);
        EXPECT_TRUE(view_->slot_rect({0, 1U << 19}).has_value()) << level.value_or(0);
        frame();
        EXPECT_EQ(textures_.take_sent(), 0U) << "nothing changed, but rows were sent at " << level.value_or(0);

        session_->publish(next_crowd(*first_, 0.02, 7));
        settle();
        const std::uint64_t sent = textures_.take_sent();
        const auto cell = static_cast<std::uint64_t>(cell_of_level(level.value_or(1)));
        EXPECT_GT(sent, 0U) << level.value_or(0);
        EXPECT_LE(sent, kPixels / cell / cell + kPixels / cell / 8) << level.value_or(0);
        EXPECT_EQ(textures_.take_created(), 0U) << "the texture is used again";
        session_->publish(first_);
    }
}

TEST_F(PoolViewWork, one_changed_slot_sends_one_row) {
    settle();
    textures_.take_sent();
    auto next = std::make_shared<traces::Moment>(*first_);
    inspect::CoroutineImage& changed = next->state.coroutines[1000];
    changed.state = wire::CoroutineState::kParked;
    changed.reason = changed.reason == wire::WaitReason::kSleep ? wire::WaitReason::kMutex
                                                                : wire::WaitReason::kSleep;
    view_->set_level(1);
    settle();
    textures_.take_sent();
    session_->publish(next);
    settle();
    EXPECT_EQ(textures_.take_sent(), columns_for(kWidth - 32, 1)) << "pixels of one row";
}

TEST_F(PoolViewWork, all_of_a_million_slots_are_on_the_screen_at_once_where_it_fits) {
    settle();
    EXPECT_TRUE(view_->slot_rect({0, 0}).has_value());
    EXPECT_TRUE(view_->slot_rect({0, (1U << 20) - 1}).has_value());
    view_->zoom(1);
    settle();
    EXPECT_FALSE(view_->slot_rect({0, 0}).has_value() && view_->slot_rect({0, (1U << 20) - 1}).has_value())
        << "one level larger does not fit any more";
}

}  // namespace
}  // namespace coroscope::views
