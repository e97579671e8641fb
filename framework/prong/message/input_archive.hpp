// The Cereal archive that reads values from bytes which may be hostile.
//
// Format: docs/formats/values.md. How each type travels: archive.hpp.
#pragma once

#include "prong/base/bytes.hpp"
#include "prong/message/message_limits.hpp"

#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace prong {

/// Reads values from bytes, in the order they were written. Users meet it as `Archive` in their serialize functions.
///
/// Whatever the bytes are: nothing is read beyond them, the number of elements is checked against the bytes that
/// remain, nesting has a limit, and all memory allocated is at most 4 times the bytes plus 64 KiB. Load functions
/// of users that allocate by themselves (not through the archive) answer for their own memory.
/// What is wrong is thrown as Exception with code malformed; decode() makes it a Result.
/// Thread safety: none. Little-endian machines only.
class InputArchive final : private cereal::ProngArchive {
 public:
  using is_loading = std::true_type;
  using is_saving = std::false_type;

  /// Requires: `bytes` outlive the archive and do not change: they are not shared with another process.
  explicit InputArchive(Bytes bytes) noexcept
      : begin_{bytes.data()},
        cursor_{bytes.data()},
        end_{bytes.data() + bytes.size()},
        chargeable_{4 * bytes.size() + memory_allowance} {}
  InputArchive(const InputArchive&) = delete;
  InputArchive& operator=(const InputArchive&) = delete;

  /// Reads each value. Throws: malformed.
  template <class... T>
  InputArchive& operator()(T&&... values);
  template <class T>
  InputArchive& operator&(T&& value) {
    return (*this)(value);
  }
  template <class T>
  InputArchive& operator>>(T&& value) {
    return (*this)(value);
  }

  /// Copies the next `size` bytes to `data`. Throws: malformed.
  void read(void* data, std::size_t size) {
    const Bytes bytes = read_block(size);
    if (size != 0) std::memcpy(data, bytes.data(), size);
  }
  /// Returns the next `size` bytes in place. Throws: malformed.
  [[nodiscard]] Bytes read_block(std::size_t size) {
    if (size > remaining()) [[unlikely]]
      fail_truncated(size);
    const Bytes block{cursor_, size};
    cursor_ += size;
    return block;
  }
  /// Reads a number of elements that take at least `least_size` bytes each. Throws: malformed where they do not fit.
  /// Requires: `least_size` is not 0.
  [[nodiscard]] std::size_t read_count(std::size_t least_size) {
    std::uint32_t count = 0;
    read(&count, sizeof count);
    if (count > remaining() / least_size) [[unlikely]]
      fail_count(count);
    return count;
  }
  /// Reads a byte that is 0 or 1. Throws: malformed.
  [[nodiscard]] bool read_bool() {
    const auto byte = std::to_integer<unsigned>(read_block(1)[0]);
    if (byte > 1) [[unlikely]]
      fail("a truth value is neither 0 nor 1");
    return byte == 1;
  }
  /// Asks for memory before it is allocated. Throws: malformed where the message is too small for it.
  void charge(std::size_t bytes) {
    if (bytes > chargeable_) [[unlikely]]
      fail("the message is too small for the memory it asks for");
    chargeable_ -= bytes;
    charged_ += bytes;
  }
  /// Checks that nothing but the padding is left. Throws: malformed.
  void finish();

  [[nodiscard]] std::size_t remaining() const noexcept { return static_cast<std::size_t>(end_ - cursor_); }
  /// Throws malformed: `why`, and where in the message.
  [[noreturn]] void fail(std::string_view why) const;

  /// Counts one level of nesting while it lives.
  class Nesting {
   public:
    explicit Nesting(InputArchive& archive) : archive_{archive} {
      if (archive.nesting_ == max_nesting) [[unlikely]]
        archive.fail("values are nested too deep");
      ++archive.nesting_;
    }
    ~Nesting() { --archive_.nesting_; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;

   private:
    InputArchive& archive_;
  };

 private:
  [[noreturn]] void fail_truncated(std::size_t wanted) const;
  [[noreturn]] void fail_count(std::size_t count) const;

  const std::byte* begin_;
  const std::byte* cursor_;
  const std::byte* end_;
  std::size_t chargeable_;
  std::size_t charged_ = 0;
  unsigned nesting_ = 0;
};

}  // namespace prong
