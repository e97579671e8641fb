// Copies a video into another container, as the ffmpeg program does with "-c copy".
#pragma once

#include <string>

namespace prong::tests {

/// Copies the video of `from` to `to`, a file or URL, in FFmpeg's container `format`; an mp4 gets its index first.
/// Returns whether that went well.
[[nodiscard]] bool remux(const std::string& from, const std::string& to, const std::string& format);

}  // namespace prong::tests
