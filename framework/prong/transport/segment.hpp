// The shared memory between a frontend and a backend: two lanes each way.
//
// Layout: docs/formats/segment.md.
#pragma once

#include "prong/os/shared_memory.hpp"
#include "prong/os/unique_fd.hpp"

#include <cstdint>
#include <string>

namespace prong::transport {

/// Which end of a segment somebody holds.
enum class Side : std::uint8_t { frontend, backend };

/// Which ring of a direction: control traffic never waits behind data.
enum class Lane : std::uint8_t { data, control };

/// How large the rings are.
struct SegmentSizes {
  std::size_t data_bytes = std::size_t{128} * 1024;  ///< Per direction; a power of two, at least one page.
};

/// What one pair of processes shares: a memfd with four rings and the call words, and one eventfd per side to sleep on.
///
/// It holds descriptors only; Port maps them. So a fork hands on nothing that a stranger could write to.
class Segment {
 public:
  /// Lays out empty rings. Fails with: size_invalid, system.
  [[nodiscard]] static Result<Segment> create(const std::string& name, SegmentSizes sizes);

  /// Puts together what another process has created: its memory, data_bytes() and bells.
  /// Fails with: bad_message if the memory has another size than such a segment.
  [[nodiscard]] static Result<Segment> open(os::SharedMemory memory, std::size_t data_bytes, os::UniqueFd frontend_bell,
                                            os::UniqueFd backend_bell);

  [[nodiscard]] const os::SharedMemory& memory() const noexcept { return memory_; }
  [[nodiscard]] std::size_t data_bytes() const noexcept { return data_bytes_; }
  /// Returns the eventfd that `side` sleeps on.
  [[nodiscard]] int bell(Side side) const noexcept {
    return side == Side::frontend ? frontend_bell_.get() : backend_bell_.get();
  }
  /// Returns the offset of a ring's bytes. Units: bytes.
  [[nodiscard]] std::size_t ring_offset(Side producer, Lane lane) const noexcept;
  /// Returns the size of a ring. Units: bytes.
  [[nodiscard]] std::size_t ring_size(Lane lane) const noexcept;
  /// Returns how many calls can be under way.
  [[nodiscard]] std::size_t call_slots() const noexcept;
  /// Returns the offset of the call words that `writer` writes. Units: bytes.
  [[nodiscard]] std::size_t call_words_offset(Side writer) const noexcept;
  /// Returns the size of one side's call words in whole pages. Units: bytes.
  [[nodiscard]] std::size_t call_words_size() const noexcept;

 private:
  Segment(os::SharedMemory memory, std::size_t data_bytes, os::UniqueFd frontend_bell,
          os::UniqueFd backend_bell) noexcept;

  os::SharedMemory memory_;
  std::size_t data_bytes_;
  os::UniqueFd frontend_bell_;
  os::UniqueFd backend_bell_;
};

}  // namespace prong::transport
