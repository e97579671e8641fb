// Views of raw memory.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace prong {

/// Bytes that are read.
using Bytes = std::span<const std::byte>;
/// Bytes that are written.
using MutableBytes = std::span<std::byte>;

/// Returns the bytes of `text`, without a terminating zero.
[[nodiscard]] inline Bytes as_bytes(std::string_view text) noexcept {
  return std::as_bytes(std::span{text.data(), text.size()});
}

/// Returns `bytes` as text. They are not checked to be text.
[[nodiscard]] inline std::string_view as_text(Bytes bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace prong
