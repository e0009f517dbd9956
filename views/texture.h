// Textures without a graphics library: what a view needs of one, implemented by the platform (app/gl_textures.cpp).
//
// Thread: the frame's.
#pragma once

#include <imgui.h>

#include <cstdint>

namespace coroscope::views {

class TextureStore {
public:
    virtual ~TextureStore() = default;
    // A texture of width x height pixels with nearest sampling, its contents undefined; 0 when it cannot be had (too large).
    virtual ImTextureID create(int width, int height) = 0;
    // Replaces rows first_row .. first_row + rows - 1; `pixels` holds rows x width RGBA values (as IM_COL32).
    virtual void update_rows(ImTextureID texture, int width, int first_row, int rows,
                             const std::uint32_t* pixels) = 0;
    virtual void destroy(ImTextureID texture) = 0;
    // Longest side that create() accepts.
    virtual int side_max() const = 0;
};

}  // namespace coroscope::views
