// See gl_textures.h.
#define GL_GLEXT_PROTOTYPES
#include "app/gl_textures.h"

#include <GL/gl.h>
#include <GL/glext.h>
#include <backends/imgui_impl_opengl3.h>
#include <imgui.h>

#include <algorithm>
#include <cstring>

namespace coroscope::app {
namespace {

GLuint name_of(ImTextureID texture) {
    return static_cast<GLuint>(reinterpret_cast<std::uintptr_t>(texture));
}

}  // namespace

GlTextures::GlTextures() {
    GLint side = 0;
    glGetIntegerv(GL_MAX_TEXTURE_SIZE, &side);
    // Half of what the driver promises: rows beyond that would never fit on a screen anyway.
    side_max_ = std::clamp(static_cast<int>(side), 1024, 8192);
}

ImTextureID GlTextures::create(int width, int height) {
    if (width <= 0 || height <= 0 || width > side_max_ || height > side_max_) return nullptr;
    GLuint name = 0;
    glGenTextures(1, &name);
    glBindTexture(GL_TEXTURE_2D, name);
    glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
    glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
    glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_S, GL_CLAMP_TO_EDGE);
    glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_T, GL_CLAMP_TO_EDGE);
    glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA8, width, height, 0, GL_RGBA, GL_UNSIGNED_BYTE, nullptr);
    return reinterpret_cast<ImTextureID>(static_cast<std::uintptr_t>(name));
}

void GlTextures::update_rows(ImTextureID texture, int width, int first_row, int rows,
                             const std::uint32_t* pixels) {
    glBindTexture(GL_TEXTURE_2D, name_of(texture));
    glPixelStorei(GL_UNPACK_ALIGNMENT, 4);
    glTexSubImage2D(GL_TEXTURE_2D, 0, 0, first_row, width, rows, GL_RGBA, GL_UNSIGNED_BYTE, pixels);
}

void GlTextures::destroy(ImTextureID texture) {
    const GLuint name = name_of(texture);
    glDeleteTextures(1, &name);
}

void draw_gl_frame(int width, int height, std::uint32_t background) {
    const auto channel = [&](int shift) { return static_cast<float>((background >> shift) & 0xff) / 255; };
    glViewport(0, 0, width, height);
    glClearColor(channel(IM_COL32_R_SHIFT), channel(IM_COL32_G_SHIFT), channel(IM_COL32_B_SHIFT), 1);
    glClear(GL_COLOR_BUFFER_BIT);
    ImGui_ImplOpenGL3_RenderDrawData(ImGui::GetDrawData());
}

base::Result<Picture> read_gl_picture(int width, int height) {
    Picture picture;
    picture.width = width;
    picture.height = height;
    const std::size_t row_bytes = static_cast<std::size_t>(width) * 3;
    std::vector<std::uint8_t> upside_down(row_bytes * static_cast<std::size_t>(height));
    glFinish();
    glPixelStorei(GL_PACK_ALIGNMENT, 1);
    glReadPixels(0, 0, width, height, GL_RGB, GL_UNSIGNED_BYTE, upside_down.data());
    if (const GLenum problem = glGetError(); problem != GL_NO_ERROR) {
        return base::error(base::ErrorCode::kIo, "the picture cannot be read back from OpenGL (error " +
                                                     std::to_string(problem) + ")");
    }
    picture.rgb.resize(upside_down.size());
    for (int y = 0; y < height; ++y) {
        std::memcpy(&picture.rgb[static_cast<std::size_t>(y) * row_bytes],
                    &upside_down[static_cast<std::size_t>(height - 1 - y) * row_bytes], row_bytes);
    }
    return picture;
}

}  // namespace coroscope::app
