// A file that appears under its name only when it is whole.
#pragma once

#include "prong/base/bytes.hpp"
#include "prong/os/unique_fd.hpp"

#include <cstdint>
#include <string>

namespace prong::video::detail {

/// Writes to "`path`.part" and renames it to `path` at the end.
///
/// What is not committed stays as the .part file, with everything that was written to it: nothing is held back in this
/// process. A .part file of an earlier run is replaced.
class AsideFile {
 public:
  /// Fails with: system, with a sentence that names `path`.
  [[nodiscard]] static Result<AsideFile> create(std::string path);

  /// Writes all of `bytes` where the file stands. Fails with: system.
  [[nodiscard]] Result<void> write(Bytes bytes);
  /// Moves to `offset` bytes from the start. Fails with: system.
  [[nodiscard]] Result<void> seek(std::int64_t offset);
  /// Brings the bytes to the disk and gives the file its name. Fails with: system.
  [[nodiscard]] Result<void> commit();

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::string part_path() const { return path_ + ".part"; }
  /// Returns the file's size so far in bytes. Fails with: system.
  [[nodiscard]] Result<std::int64_t> size() const;

 private:
  AsideFile(std::string path, os::UniqueFd fd) noexcept : path_{std::move(path)}, fd_{std::move(fd)} {}
  [[nodiscard]] Error error(std::string_view what) const;

  std::string path_;
  os::UniqueFd fd_;
};

}  // namespace prong::video::detail
