// The window platform: GLFW with an OpenGL 3.3 core context. The only file that names GLFW.
//
// Our key and character callbacks are installed before ImGui's backend, which chains to them: shortcuts are taken from the queue they
// fill, not from ImGui's polled keys. Character callbacks give printable chords as the keyboard layout means them ("?" on any layout).
//
// Sizes here are pixels. Where a window system counts in units of its own (Wayland, on monitors of scale 2 and more) ImGui's backend tells
// units and how many pixels each is, and both are made pixels before the frame. The scale is followed while the window runs where GLFW tells
// of its change; under X11 it reads Xft.dpi when it starts.
#define GLFW_INCLUDE_NONE
#include <GLFW/glfw3.h>
#include <backends/imgui_impl_glfw.h>
#include <backends/imgui_impl_opengl3.h>
#include <imgui.h>

#include <map>
#include <utility>

#include "app/gl_textures.h"
#include "app/platform.h"

namespace coroscope::app {
namespace {

std::string& last_glfw_problem() {
    static std::string problem;
    return problem;
}

// Keys that produce no character, or that are wanted together with Ctrl or Alt.
std::string key_word(int key) {
    static const std::map<int, const char*> words = {
        {GLFW_KEY_ESCAPE, "escape"}, {GLFW_KEY_ENTER, "enter"},    {GLFW_KEY_KP_ENTER, "enter"},
        {GLFW_KEY_TAB, "tab"},       {GLFW_KEY_SPACE, "space"},    {GLFW_KEY_BACKSPACE, "backspace"},
        {GLFW_KEY_DELETE, "delete"}, {GLFW_KEY_LEFT, "left"},      {GLFW_KEY_RIGHT, "right"},
        {GLFW_KEY_UP, "up"},         {GLFW_KEY_DOWN, "down"},      {GLFW_KEY_HOME, "home"},
        {GLFW_KEY_END, "end"},       {GLFW_KEY_PAGE_UP, "pageup"}, {GLFW_KEY_PAGE_DOWN, "pagedown"}};
    if (const auto found = words.find(key); found != words.end()) return found->second;
    if (key >= GLFW_KEY_F1 && key <= GLFW_KEY_F12) return "f" + std::to_string(key - GLFW_KEY_F1 + 1);
    return {};
}

class WindowPlatform : public Platform {
public:
    ~WindowPlatform() override {
        textures_.reset();
        if (backends_ready_) {
            ImGui_ImplOpenGL3_Shutdown();
            ImGui_ImplGlfw_Shutdown();
        }
        if (window_ != nullptr) glfwDestroyWindow(window_);
        glfwTerminate();
    }

    base::Status start(const PlatformOptions& options) {
        glfwSetErrorCallback([](int, const char* what) { last_glfw_problem() = what; });
        if (glfwInit() == GLFW_FALSE) return refuse();
        glfwWindowHintString(GLFW_X11_CLASS_NAME, "coroscope");  // by which a desktop finds name and icon
        glfwWindowHintString(GLFW_X11_INSTANCE_NAME, "coroscope");
        glfwWindowHint(GLFW_CONTEXT_VERSION_MAJOR, 3);
        glfwWindowHint(GLFW_CONTEXT_VERSION_MINOR, 3);
        glfwWindowHint(GLFW_OPENGL_PROFILE, GLFW_OPENGL_CORE_PROFILE);
        if (options.scale <= 0) glfwWindowHint(GLFW_SCALE_TO_MONITOR, GLFW_TRUE);
        const float factor = options.scale > 0 ? options.scale : 1;
        window_ = glfwCreateWindow(static_cast<int>(static_cast<float>(options.width) * factor),
                                   static_cast<int>(static_cast<float>(options.height) * factor),
                                   options.title.c_str(), nullptr, nullptr);
        if (window_ == nullptr) return refuse();
        glfwMakeContextCurrent(window_);
        glfwSwapInterval(1);
        float across = 1, down = 1;
        glfwGetWindowContentScale(window_, &across, &down);
        scale_ = options.scale > 0 ? options.scale : std::max(1.0F, across);
        follows_monitor_ = options.scale <= 0;
        limit_size();
        glfwSetWindowUserPointer(window_, this);
        install_callbacks();
        backends_ready_ = ImGui_ImplGlfw_InitForOpenGL(window_, true) &&
                          ImGui_ImplOpenGL3_Init("#version 330 core");
        textures_ = std::make_unique<GlTextures>();
        return base::ok_status();
    }

    float scale() const override { return scale_; }

    bool wait(double seconds) override {
        if (seconds > 0) {
            glfwWaitEventsTimeout(seconds);
        } else {
            glfwPollEvents();
        }
        return glfwWindowShouldClose(window_) == GLFW_FALSE;
    }
    void wake() override { glfwPostEmptyEvent(); }
    bool take_input_seen() override {
        const bool seen = input_seen_;
        input_seen_ = false;
        return seen;
    }
    std::vector<std::string> take_chords() override { return std::exchange(chords_, {}); }

    void begin_frame() override {
        ImGui_ImplOpenGL3_NewFrame();
        ImGui_ImplGlfw_NewFrame();
        in_pixels();
        // ImGui polls keys: one that was pressed and released between two frames is held down for this one, so that no field misses it.
        ImGuiIO& io = ImGui::GetIO();
        for (const int key : std::exchange(held_for_a_frame_, {}))
            io.KeysDown[key] = glfwGetKey(window_, key) == GLFW_PRESS;
        for (const int key : std::exchange(pressed_, {})) {
            if (io.KeysDown[key]) continue;
            io.KeysDown[key] = true;
            held_for_a_frame_.push_back(key);
        }
    }
    void end_frame(std::uint32_t background) override {
        background_ = background;
        glfwGetFramebufferSize(window_, &width_, &height_);
        draw_gl_frame(width_, height_, background);
        // Before the swap, while the back buffer still holds it: a script may want this frame's picture.
        if (keep_picture_) last_picture_ = read_gl_picture(width_, height_);
        keep_picture_ = false;
        glfwSwapBuffers(window_);
    }
    base::Result<Picture> picture() override {
        // The back buffer is undefined after a swap, so the same draw data is drawn once more.
        keep_picture_ = true;
        ImDrawData* data = ImGui::GetDrawData();
        if (data == nullptr)
            return base::error(base::ErrorCode::kIo, "there is no frame yet to take a picture of");
        end_frame(background_);
        return std::move(last_picture_);
    }
    void fonts_changed() override {
        ImGui_ImplOpenGL3_DestroyFontsTexture();
        ImGui_ImplOpenGL3_CreateFontsTexture();
    }
    void set_title(const std::string& title) override { glfwSetWindowTitle(window_, title.c_str()); }
    void resize(int width, int height) override {
        const float each = pixels_each();
        glfwSetWindowSize(window_, static_cast<int>(static_cast<float>(width) / each), static_cast<int>(static_cast<float>(height) / each));
    }
    void set_scale(float scale) override {
        follows_monitor_ = false;
        scale_ = scale;
        limit_size();
        input_seen_ = true;
    }
    views::TextureStore& textures() override { return *textures_; }

private:
    static base::Error refuse() {
        return base::error(base::ErrorCode::kUnreadable,
                           "no window can be opened (" + last_glfw_problem() +
                               "); set DISPLAY, or draw without one: --offscreen --screenshot FILE.png");
    }

    void install_callbacks() {
        glfwSetKeyCallback(window_, [](GLFWwindow* window, int key, int /*scancode*/, int action,
                                       int modifiers) { self(window).key(key, action, modifiers); });
        glfwSetCharCallback(
            window_, [](GLFWwindow* window, unsigned codepoint) { self(window).character(codepoint); });
        const auto seen = [](GLFWwindow* window) { self(window).input_seen_ = true; };
        glfwSetWindowRefreshCallback(window_, seen);
        glfwSetCursorPosCallback(window_,
                                 [](GLFWwindow* window, double, double) { self(window).input_seen_ = true; });
        glfwSetMouseButtonCallback(
            window_, [](GLFWwindow* window, int, int, int) { self(window).input_seen_ = true; });
        glfwSetScrollCallback(window_,
                              [](GLFWwindow* window, double, double) { self(window).input_seen_ = true; });
        glfwSetFramebufferSizeCallback(window_,
                                       [](GLFWwindow* window, int, int) { self(window).input_seen_ = true; });
        glfwSetWindowContentScaleCallback(window_, [](GLFWwindow* window, float across, float) {
            self(window).input_seen_ = true;
            if (!self(window).follows_monitor_) return;
            self(window).scale_ = std::max(1.0F, across);
            self(window).limit_size();
        });
        glfwSetWindowFocusCallback(window_, [](GLFWwindow* window, int) { self(window).input_seen_ = true; });
    }
    static WindowPlatform& self(GLFWwindow* window) {
        return *static_cast<WindowPlatform*>(glfwGetWindowUserPointer(window));
    }

    // Pixels for each unit of the window system; 1 where it counts pixels.
    float pixels_each() const {
        int units = 0, pixels = 0, down = 0;
        glfwGetWindowSize(window_, &units, &down);
        glfwGetFramebufferSize(window_, &pixels, &down);
        return units > 0 && pixels > 0 ? static_cast<float>(pixels) / static_cast<float>(units) : 1;
    }
    void limit_size() {
        const float least = scale_ / pixels_each();
        glfwSetWindowSizeLimits(window_, static_cast<int>(static_cast<float>(kWidthMin) * least),
                                static_cast<int>(static_cast<float>(kHeightMin) * least), GLFW_DONT_CARE, GLFW_DONT_CARE);
    }
    static void in_pixels() {
        ImGuiIO& io = ImGui::GetIO();
        const ImVec2 each = std::exchange(io.DisplayFramebufferScale, {1, 1});
        if (each.x <= 0 || each.y <= 0 || (each.x == 1 && each.y == 1)) return;
        io.DisplaySize = {io.DisplaySize.x * each.x, io.DisplaySize.y * each.y};
        if (ImGui::IsMousePosValid(&io.MousePos)) io.MousePos = {io.MousePos.x * each.x, io.MousePos.y * each.y};
    }

    void key(int key, int action, int modifiers) {
        input_seen_ = true;
        if (action == GLFW_RELEASE) return;
        if (action == GLFW_PRESS && key >= 0 && key < static_cast<int>(IM_ARRAYSIZE(ImGui::GetIO().KeysDown))) pressed_.push_back(key);
        const bool ctrl = (modifiers & GLFW_MOD_CONTROL) != 0, alt = (modifiers & GLFW_MOD_ALT) != 0,
                   shift = (modifiers & GLFW_MOD_SHIFT) != 0;
        std::string word = key_word(key);
        if (word.empty() && (ctrl || alt)) {
            if (const char* name = glfwGetKeyName(key, 0); name != nullptr) word = name;
        }
        if (word.empty()) return;
        chords_.push_back(std::string(ctrl ? "ctrl+" : "") + (shift ? "shift+" : "") + (alt ? "alt+" : "") +
                          word);
    }
    void character(unsigned codepoint) {
        input_seen_ = true;
        if (codepoint <= ' ' || codepoint > '~') return;
        std::string word(1, static_cast<char>(codepoint));
        if (codepoint >= 'A' && codepoint <= 'Z')
            word = std::string("shift+") + static_cast<char>(codepoint - 'A' + 'a');
        chords_.push_back(word);
    }

    GLFWwindow* window_ = nullptr;
    bool backends_ready_ = false;
    float scale_ = 1;
    bool follows_monitor_ = false;
    int width_ = 0, height_ = 0;
    bool input_seen_ = true;
    bool keep_picture_ = false;
    std::uint32_t background_ = IM_COL32(0, 0, 0, 255);
    base::Result<Picture> last_picture_ = base::error(base::ErrorCode::kIo,
                                                      "there is no frame yet to take a picture of");
    std::vector<std::string> chords_;
    std::vector<int> pressed_, held_for_a_frame_;  // GLFW's keys
    std::unique_ptr<GlTextures> textures_;
};

}  // namespace

base::Result<std::unique_ptr<Platform>> make_window_platform(const PlatformOptions& options) {
    auto platform = std::make_unique<WindowPlatform>();
    if (auto started = platform->start(options); !started.ok()) return started.error();
    return std::unique_ptr<Platform>(std::move(platform));
}

}  // namespace coroscope::app
