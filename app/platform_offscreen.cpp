// The off-screen platform: EGL on Mesa's surfaceless platform, an own framebuffer, no display of any kind.
//
// Input comes from the script alone (script_driver.cpp writes it into ImGui's IO). Keys use ImGui's own key numbers as codes, so that
// the same driver works under GLFW, whose backend fills KeyMap with other codes.
#define GL_GLEXT_PROTOTYPES
#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <GL/gl.h>
#include <GL/glext.h>
#include <backends/imgui_impl_opengl3.h>
#include <imgui.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "app/gl_textures.h"
#include "app/platform.h"

namespace coroscope::app {
namespace {

class OffscreenPlatform : public Platform {
public:
    ~OffscreenPlatform() override {
        if (backend_ready_) ImGui_ImplOpenGL3_Shutdown();
        textures_.reset();
        if (display_ != EGL_NO_DISPLAY) {
            eglMakeCurrent(display_, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
            if (context_ != EGL_NO_CONTEXT) eglDestroyContext(display_, context_);
            eglTerminate(display_);
        }
    }

    base::Status start(const PlatformOptions& options) {
        scale_ = options.scale > 0 ? options.scale : 1;
        width_ = static_cast<int>(static_cast<float>(options.width) * scale_);
        height_ = static_cast<int>(static_cast<float>(options.height) * scale_);
        if (const char* problem = make_context(); problem != nullptr) {
            return base::error(
                base::ErrorCode::kUnreadable,
                std::string("the off-screen window needs EGL with OpenGL 3.3, but ") + problem +
                    "; install libegl-mesa0 and libgl1-mesa-dri ('coroscope doctor' looks at this machine)");
        }
        glGenFramebuffers(1, &framebuffer_);
        glBindFramebuffer(GL_FRAMEBUFFER, framebuffer_);
        glGenRenderbuffers(1, &colour_);
        glBindRenderbuffer(GL_RENDERBUFFER, colour_);
        glRenderbufferStorage(GL_RENDERBUFFER, GL_RGBA8, width_, height_);
        glFramebufferRenderbuffer(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_RENDERBUFFER, colour_);
        if (glCheckFramebufferStatus(GL_FRAMEBUFFER) != GL_FRAMEBUFFER_COMPLETE) {
            return base::error(base::ErrorCode::kUnreadable, "a picture of " + std::to_string(width_) + "x" +
                                                                 std::to_string(height_) +
                                                                 " is too large for OpenGL here");
        }
        ImGuiIO& io = ImGui::GetIO();
        io.DisplaySize = {static_cast<float>(width_), static_cast<float>(height_)};
        io.BackendPlatformName = "coroscope off-screen";
        for (int key = 0; key < ImGuiKey_COUNT; ++key)
            io.KeyMap[key] = key;
        backend_ready_ = ImGui_ImplOpenGL3_Init("#version 330 core");
        textures_ = std::make_unique<GlTextures>();
        return base::ok_status();
    }

    float scale() const override { return scale_; }

    bool wait(double seconds) override {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, std::chrono::duration<double>(seconds), [this] { return woken_; });
        woken_ = false;
        return true;
    }
    void wake() override {
        {
            const std::lock_guard lock(mutex_);
            woken_ = true;
        }
        changed_.notify_all();
    }
    bool take_input_seen() override { return false; }
    std::vector<std::string> take_chords() override { return {}; }

    void begin_frame() override {
        // A fixed step: what a script draws must not depend on how fast the machine is.
        ImGui::GetIO().DeltaTime = 1.0F / 60;
        ImGui_ImplOpenGL3_NewFrame();
    }
    void end_frame(std::uint32_t background) override {
        glBindFramebuffer(GL_FRAMEBUFFER, framebuffer_);
        draw_gl_frame(width_, height_, background);
        // As a window's swap does. Else frames would queue up before a slow rasteriser, and the next upload of a texture would wait for all of them.
        glFinish();
    }
    base::Result<Picture> picture() override {
        glBindFramebuffer(GL_FRAMEBUFFER, framebuffer_);
        return read_gl_picture(width_, height_);
    }
    void fonts_changed() override {
        ImGui_ImplOpenGL3_DestroyFontsTexture();
        ImGui_ImplOpenGL3_CreateFontsTexture();
    }
    void set_title(const std::string& /*title*/) override {}
    void resize(int width, int height) override {
        // Not the window's least: that is a wish to a window manager, and where there is none, or another one, any size comes.
        width_ = std::max(width, 1);
        height_ = std::max(height, 1);
        glBindRenderbuffer(GL_RENDERBUFFER, colour_);
        glRenderbufferStorage(GL_RENDERBUFFER, GL_RGBA8, width_, height_);
        ImGui::GetIO().DisplaySize = {static_cast<float>(width_), static_cast<float>(height_)};
    }
    void set_scale(float scale) override { scale_ = scale; }
    views::TextureStore& textures() override { return *textures_; }

private:
    // What is missing, or nullptr.
    const char* make_context() {
        const auto get_display = reinterpret_cast<PFNEGLGETPLATFORMDISPLAYEXTPROC>(
            eglGetProcAddress("eglGetPlatformDisplayEXT"));
        if (get_display == nullptr) return "eglGetPlatformDisplayEXT is missing";
        display_ = get_display(EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, nullptr);
        if (display_ == EGL_NO_DISPLAY) return "there is no surfaceless platform";
        if (eglInitialize(display_, nullptr, nullptr) == EGL_FALSE) {
            display_ = EGL_NO_DISPLAY;
            return "eglInitialize failed";
        }
        if (eglBindAPI(EGL_OPENGL_API) == EGL_FALSE) return "it offers no OpenGL";
        const EGLint wanted[] = {EGL_RENDERABLE_TYPE, EGL_OPENGL_BIT, EGL_NONE};
        EGLConfig config = nullptr;
        EGLint found = 0;
        eglChooseConfig(display_, wanted, &config, 1, &found);
        const EGLint attributes[] = {EGL_CONTEXT_MAJOR_VERSION,
                                     3,
                                     EGL_CONTEXT_MINOR_VERSION,
                                     3,
                                     EGL_CONTEXT_OPENGL_PROFILE_MASK,
                                     EGL_CONTEXT_OPENGL_CORE_PROFILE_BIT,
                                     EGL_NONE};
        context_ = eglCreateContext(display_, found != 0 ? config : nullptr, EGL_NO_CONTEXT, attributes);
        if (context_ == EGL_NO_CONTEXT) return "it gives no 3.3 core context";
        if (eglMakeCurrent(display_, EGL_NO_SURFACE, EGL_NO_SURFACE, context_) == EGL_FALSE)
            return "its context cannot be made current";
        return nullptr;
    }

    float scale_ = 1;
    int width_ = 0, height_ = 0;
    EGLDisplay display_ = EGL_NO_DISPLAY;
    EGLContext context_ = EGL_NO_CONTEXT;
    GLuint framebuffer_ = 0, colour_ = 0;
    bool backend_ready_ = false;
    std::unique_ptr<GlTextures> textures_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool woken_ = false;  // guarded by mutex_
};

}  // namespace

base::Result<std::unique_ptr<Platform>> make_offscreen_platform(const PlatformOptions& options) {
    auto platform = std::make_unique<OffscreenPlatform>();
    if (auto started = platform->start(options); !started.ok()) return started.error();
    return std::unique_ptr<Platform>(std::move(platform));
}

}  // namespace coroscope::app
