#include "prong/actors/video/detail/aside_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace prong::video::detail {

Result<AsideFile> AsideFile::create(std::string path) {
  // The rename would notice this only after all the work.
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode))
    return Error::from_errno("cannot write '" + path + "'", EISDIR);
  const std::string part = path + ".part";
  os::UniqueFd fd{::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)};
  if (!fd) return Error::from_errno("cannot write '" + path + "'");
  return AsideFile{std::move(path), std::move(fd)};
}

Error AsideFile::error(std::string_view what) const {
  const int number = errno;
  return Error::from_errno("cannot " + std::string{what} + " '" + part_path() + "'", number);
}

Result<void> AsideFile::write(Bytes bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return error("write");
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> AsideFile::seek(std::int64_t offset) {
  if (::lseek(fd_.get(), offset, SEEK_SET) < 0) return error("seek in");
  return {};
}

Result<std::int64_t> AsideFile::size() const {
  struct stat status {};
  if (::fstat(fd_.get(), &status) != 0) return error("look at");
  return std::int64_t{status.st_size};
}

Result<void> AsideFile::commit() {
  // Without this a power cut may leave the name with none of the bytes.
  if (::fsync(fd_.get()) != 0) return error("finish");
  if (std::rename(part_path().c_str(), path_.c_str()) != 0) return error("rename");
  fd_.reset();
  return {};
}

}  // namespace prong::video::detail
