// Writing screenshots with libpng's simple interface. Written beside its final name and renamed, so that whoever waits for the file never
// sees half of it.
#include <png.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "app/platform.h"

namespace coroscope::app {

base::Status write_png(const std::string& path, const Picture& picture) {
    png_image image;
    std::memset(&image, 0, sizeof image);
    image.version = PNG_IMAGE_VERSION;
    image.width = static_cast<png_uint_32>(picture.width);
    image.height = static_cast<png_uint_32>(picture.height);
    image.format = PNG_FORMAT_RGB;
    image.flags = PNG_IMAGE_FLAG_FAST;
    const std::string unfinished = path + ".part";
    std::string problem;
    if (png_image_write_to_file(&image, unfinished.c_str(), 0, picture.rgb.data(), 0, nullptr) == 0) {
        problem = image.message;
    } else if (std::rename(unfinished.c_str(), path.c_str()) != 0) {
        problem = std::strerror(errno);
    }
    png_image_free(&image);
    if (problem.empty()) return base::ok_status();
    ::unlink(unfinished.c_str());
    return base::error(base::ErrorCode::kIo, "the screenshot " + path + " cannot be written: " + problem);
}

}  // namespace coroscope::app
