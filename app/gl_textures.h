// Textures for views::TextureStore, and reading the picture back, in plain OpenGL 3.3. The context must be current.
//
// Thread: the one that owns the context.
#pragma once

#include "app/platform.h"
#include "views/texture.h"

namespace coroscope::app {

class GlTextures : public views::TextureStore {
public:
    GlTextures();
    ImTextureID create(int width, int height) override;
    void update_rows(ImTextureID texture, int width, int first_row, int rows,
                     const std::uint32_t* pixels) override;
    void destroy(ImTextureID texture) override;
    int side_max() const override { return side_max_; }

private:
    int side_max_ = 1024;
};

// Clears the current framebuffer and draws ImGui's draw data into it.
void draw_gl_frame(int width, int height, std::uint32_t background);
// Reads the current framebuffer.
base::Result<Picture> read_gl_picture(int width, int height);

}  // namespace coroscope::app
