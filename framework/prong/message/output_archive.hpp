// The Cereal archive that writes values as bytes.
//
// Format: docs/formats/values.md. How each type travels: archive.hpp.
#pragma once

#include "prong/message/message_limits.hpp"

#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <vector>

namespace prong {

/// Writes values to the end of a vector of bytes. Users meet it as `Archive` in their serialize functions.
///
/// A message is at least a quarter of the memory that it makes its receiver allocate, less memory_allowance:
/// the archive adds up that memory and pads with zeros at the end where the bytes alone are fewer.
/// Thread safety: none. Little-endian machines only.
class OutputArchive final : private cereal::ProngArchive {
 public:
  using is_loading = std::false_type;
  using is_saving = std::true_type;

  /// Writes behind what `out` holds. Until finish() the vector's size is not the message's.
  explicit OutputArchive(std::vector<std::byte>& out) noexcept : out_{out}, start_{out.size()} {}
  /// Takes back what was written if finish() was not called.
  ~OutputArchive();
  OutputArchive(const OutputArchive&) = delete;
  OutputArchive& operator=(const OutputArchive&) = delete;

  /// Writes each value. Throws: invalid_argument where one is nested too deep or holds nothing to write, too_large.
  template <class... T>
  OutputArchive& operator()(T&&... values);
  template <class T>
  OutputArchive& operator&(T&& value) {
    return (*this)(value);
  }
  template <class T>
  OutputArchive& operator<<(T&& value) {
    return (*this)(value);
  }

  /// Writes `size` bytes as they are.
  void write(const void* data, std::size_t size) {
    if (size > static_cast<std::size_t>(end_ - cursor_)) [[unlikely]]
      return write_slowly(data, size);
    if (size != 0) std::memcpy(cursor_, data, size);
    cursor_ += size;
  }
  /// Writes the number of elements that follow. Throws: too_large.
  void write_count(std::size_t count) {
    if (count > UINT32_MAX) [[unlikely]]
      refuse_count(count);
    const auto narrow = static_cast<std::uint32_t>(count);
    write(&narrow, sizeof narrow);
  }
  /// Adds memory that the receiver will allocate. InputArchive::charge() takes the same figure.
  void charge(std::size_t bytes) noexcept { charged_ += bytes; }
  /// Returns how many bytes were written.
  [[nodiscard]] std::size_t written() const noexcept {
    return out_.size() - start_ - static_cast<std::size_t>(end_ - cursor_);
  }
  /// Pads the message and gives the vector its size. Nothing can be written afterwards.
  void finish();

  /// Counts one level of nesting while it lives.
  class Nesting {
   public:
    explicit Nesting(OutputArchive& archive) : archive_{archive} {
      if (archive.nesting_ == max_nesting) [[unlikely]]
        refuse_nesting();
      ++archive.nesting_;
    }
    ~Nesting() { --archive_.nesting_; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;

   private:
    OutputArchive& archive_;
  };

  /// Throws invalid_argument: `why` says what cannot be written.
  [[noreturn]] static void refuse(std::string_view why);

 private:
  void write_slowly(const void* data, std::size_t size);
  [[noreturn]] static void refuse_count(std::size_t count);
  [[noreturn]] static void refuse_nesting();

  // out_ is kept larger than what is written: cursor_ to end_ is free.
  std::vector<std::byte>& out_;
  std::size_t start_;
  std::byte* cursor_ = nullptr;
  std::byte* end_ = nullptr;
  std::size_t charged_ = 0;
  unsigned nesting_ = 0;
  bool finished_ = false;
};

}  // namespace prong
