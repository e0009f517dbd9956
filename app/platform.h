// The platform layer: a window (GLFW) or a picture in memory (EGL without a display), behind one face.
//
// The window's loop knows only this: wait for something, begin a frame, let the views draw, end the frame. ImGui's context must exist
// before a platform is made, and outlive it. Keys arrive as chords (views/actions.h), queued by an own callback, because ImGui 1.86 polls
// and loses a press and release that fall into one frame.
//
// Thread: all but wake() only on the thread that made the platform (the process's first, for GLFW).
// Implemented in platform_glfw.cpp and platform_offscreen.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "instrumentation/base/result.h"
#include "views/texture.h"

namespace coroscope::app {

struct Picture {
    int width = 0, height = 0;
    std::vector<std::uint8_t> rgb;  // rows from the top, three bytes a pixel
};

struct PlatformOptions {
    int width = 1600, height = 1000;  // at scale 1
    float scale = 0;                  // 0 = the display's
    std::string title = "Coroscope";
};

// Pixels below which a window does not go, at scale 1: panels would be left without a place for a word.
inline constexpr int kWidthMin = 480, kHeightMin = 320;

class Platform {
public:
    virtual ~Platform() = default;

    // Device pixels for one unit of the design (1 or 2, or what the display says); changes when the window moves to another monitor.
    virtual float scale() const = 0;
    // Waits until there is input or wake() was called, at most `seconds`. False when the user closed the window.
    virtual bool wait(double seconds) = 0;
    // Ends a wait(); from any thread.
    virtual void wake() = 0;
    // True when wait() brought input or a change of size, so that a frame must be drawn.
    virtual bool take_input_seen() = 0;
    // Chords pressed since the last call.
    virtual std::vector<std::string> take_chords() = 0;
    // Prepares ImGui's input for a frame; between this and ImGui::NewFrame() a script may overwrite it.
    virtual void begin_frame() = 0;
    // Draws ImGui's draw data over `background` and shows it.
    virtual void end_frame(std::uint32_t background) = 0;
    // What the last frame looks like. Errors: kIo.
    virtual base::Result<Picture> picture() = 0;
    // ImGui's fonts were loaded anew, between two frames: their texture is made again.
    virtual void fonts_changed() = 0;
    virtual void set_title(const std::string& title) = 0;
    // In pixels, at least one; takes effect by the next frame.
    virtual void resize(int width, int height) = 0;
    // As when the window moves to a monitor of that scale; what the monitor says does not matter from then on.
    virtual void set_scale(float scale) = 0;
    virtual views::TextureStore& textures() = 0;
};

// Errors: kUnreadable with what the machine lacks ("no display: …", "no EGL: …").
base::Result<std::unique_ptr<Platform>> make_window_platform(const PlatformOptions& options);
base::Result<std::unique_ptr<Platform>> make_offscreen_platform(const PlatformOptions& options);

// Writes a PNG. Errors: kIo naming the path.
base::Status write_png(const std::string& path, const Picture& picture);

}  // namespace coroscope::app
