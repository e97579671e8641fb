// Pictures as PNG files.
#pragma once

#include "prong/actors/video/image.hpp"

#include <string>

namespace prong::video {

/// Writes `picture` to `path`: to "`path`.part" first, renamed when it is whole.
/// Fails with: system (cannot be written), not_supported (this FFmpeg has no PNG encoder).
[[nodiscard]] Result<void> write_png(const std::string& path, const ImageView& picture);

}  // namespace prong::video
