// Memory that several processes map, without a name that could outlive them.
#pragma once

#include "prong/base/bytes.hpp"
#include "prong/os/unique_fd.hpp"

#include <cstdint>
#include <string>

namespace prong::os {

/// How a mapping may be used.
enum class Access : std::uint8_t { read_only, read_write };

/// One mapping of memory, unmapped once.
///
/// After fork: the child has the same mapping at the same address.
class Mapping {
 public:
  Mapping() noexcept = default;
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  ~Mapping();

  [[nodiscard]] MutableBytes bytes() const noexcept { return {data_, size_}; }
  [[nodiscard]] std::byte* data() const noexcept { return data_; }
  /// Units: bytes.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] explicit operator bool() const noexcept { return data_ != nullptr; }

  /// Takes the right to write away from this process for good. Fails with: system.
  [[nodiscard]] Result<void> make_read_only();
  /// Leaves the mapping out of every process forked from now on. Fails with: system.
  [[nodiscard]] Result<void> keep_from_children();
  /// Lets processes forked from now on have the mapping again. Fails with: system.
  [[nodiscard]] Result<void> give_to_children();

 private:
  friend class SharedMemory;
  Mapping(std::byte* data, std::size_t size) noexcept : data_{data}, size_{size} {}

  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

/// A sealed memfd: its size never changes, so no peer can make a reader fault by shrinking it.
///
/// Source: memfd_create(2), F_ADD_SEALS. Not limited by the size of /dev/shm, and gone with its last user.
class SharedMemory {
 public:
  /// Makes `size` bytes of zeros, rounded up to whole pages, all of them backed by memory.
  /// Fails with: size_invalid for 0 and for more than the machine has, system.
  [[nodiscard]] static Result<SharedMemory> create(const std::string& name, std::size_t size);
  /// Takes over a descriptor that a peer sent. Fails with: bad_message if it is not sealed against resizing.
  [[nodiscard]] static Result<SharedMemory> open(UniqueFd descriptor);

  /// Maps all of it. Fails with: system.
  [[nodiscard]] Result<Mapping> map(Access access) const;
  /// Maps [offset, offset + size). Requires: both are multiples of the page size and within size(). Fails with: system.
  [[nodiscard]] Result<Mapping> map_part(std::size_t offset, std::size_t size, Access access) const;
  /// Maps [offset, offset + size) twice in a row, so that a ring needs no wrap-around case.
  ///
  /// Requires: both are multiples of the page size and within size().
  /// The returned mapping is 2 * `size` bytes long; byte i and byte i + `size` are the same memory.
  [[nodiscard]] Result<Mapping> map_twice(std::size_t offset, std::size_t size, Access access) const;

  /// Units: bytes.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] int descriptor() const noexcept { return fd_.get(); }

 private:
  SharedMemory(UniqueFd fd, std::size_t size) noexcept : fd_{std::move(fd)}, size_{size} {}

  UniqueFd fd_;
  std::size_t size_ = 0;
};

/// Returns the size of a page in bytes.
[[nodiscard]] std::size_t page_size() noexcept;

/// Rounds `size` up to whole pages. Fails with: size_invalid for 0 or a size that does not fit.
[[nodiscard]] Result<std::size_t> whole_pages(std::size_t size);

}  // namespace prong::os
