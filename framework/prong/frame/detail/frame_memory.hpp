// The memories of a frame ring: who maps which, and that each end has one holder.
//
// Memories, roles and locks: docs/formats/frame_ring.md.
#pragma once

#include "prong/frame/detail/frame_words.hpp"
#include "prong/frame/frame_policy.hpp"
#include "prong/frame/frame_ticket.hpp"
#include "prong/os/event_fd.hpp"
#include "prong/os/inherited.hpp"
#include "prong/os/shared_memory.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace prong::frame::detail {

/// Sizes, known from before the fork and kept in private memory.
struct FrameGeometry {
  std::size_t slots = 0;
  std::size_t slot_bytes = 0;
  std::size_t readers = 0;
  FramePolicy policy = FramePolicy::block;

  /// Returns the distance from one slot to the next. Units: bytes. Fails with: size_invalid.
  [[nodiscard]] Result<std::size_t> stride() const;
};

/// What a process is to a ring.
class Role {
 public:
  /// Maps everything read-only and writes nothing.
  [[nodiscard]] static constexpr Role viewer() noexcept { return Role{-1}; }
  [[nodiscard]] static constexpr Role producer() noexcept { return Role{0}; }
  [[nodiscard]] static constexpr Role reader(std::size_t index) noexcept {
    return Role{static_cast<std::int64_t>(index) + 1};
  }

  [[nodiscard]] constexpr bool is_viewer() const noexcept { return number_ < 0; }
  /// Returns which memory holds the words that this role alone writes. Requires: not a viewer.
  [[nodiscard]] constexpr std::size_t own_words() const noexcept { return static_cast<std::size_t>(number_ + 1); }
  [[nodiscard]] constexpr bool writes(std::size_t memory) const noexcept {
    return !is_viewer() && (memory == own_words() || (number_ == 0 && memory == 0));
  }

  friend constexpr bool operator==(Role, Role) = default;

 private:
  constexpr explicit Role(std::int64_t number) noexcept : number_{number} {}
  std::int64_t number_;
};

/// The mappings of one role in one process.
///
/// After fork: not inherited; the child's copy unmaps nothing.
class RoleMapping {
 public:
  RoleMapping(Role role, FrameGeometry geometry, std::vector<os::Mapping> mappings);
  RoleMapping(const RoleMapping&) = delete;
  RoleMapping& operator=(const RoleMapping&) = delete;
  ~RoleMapping();

  [[nodiscard]] Role role() const noexcept { return role_; }
  [[nodiscard]] bool is_of_this_process() const noexcept;
  /// Returns the bytes of a slot. Writing to them is the producer's alone; for all others it ends in SIGSEGV.
  /// Requires: `slot` is less than the number of slots.
  [[nodiscard]] MutableBytes slot(std::uint32_t slot) const noexcept;
  [[nodiscard]] StreamWords<false> stream() const noexcept;
  [[nodiscard]] ReaderWords<false> reader(std::size_t index) const noexcept;
  /// Requires: the role is the producer's.
  [[nodiscard]] StreamWords<true> own_stream() const noexcept;
  /// Requires: the role is that reader's.
  [[nodiscard]] ReaderWords<true> own_reader(std::size_t index) const noexcept;

 private:
  [[nodiscard]] std::byte* memory(std::size_t number) const noexcept;

  const Role role_;
  const FrameGeometry geometry_;
  const std::size_t stride_;
  const std::uint64_t process_;
  std::unique_ptr<std::vector<os::Mapping>> mappings_;  // Pixels, stream, readers.
};

/// The descriptors of one ring, made before the fork or given to this process, and this process's part in it.
///
/// Thread safety: all members from any thread.
/// After fork: the child has the descriptors until it takes a role, and then those that the role needs.
class FrameMemory {
 public:
  /// Fails with: size_invalid, invalid_argument, system.
  [[nodiscard]] static Result<std::shared_ptr<FrameMemory>> create(const std::string& name, FrameGeometry geometry);

  /// Opens what another process has made and this one was given. Takes over the descriptors.
  /// Fails with: bad_message if they are not those of such a ring.
  [[nodiscard]] static Result<std::shared_ptr<FrameMemory>> open(const FrameTicket& ticket);
  /// Fails with: invalid_state if this process has closed some of the descriptors.
  [[nodiscard]] Result<FrameTicket> ticket();

  /// Takes an end for this process until give_up(). Requires: not the viewer's role.
  /// Fails with: invalid_state if somebody has it, or if this process took another end; system.
  [[nodiscard]] Result<std::shared_ptr<const RoleMapping>> take(Role role);
  void give_up(Role role) noexcept;
  /// Returns mappings to look at. Fails with: system.
  [[nodiscard]] Result<std::shared_ptr<const RoleMapping>> view();

  [[nodiscard]] const FrameGeometry& geometry() const noexcept { return geometry_; }
  /// Returns the pool's number in handles: unique among the living processes of a machine.
  [[nodiscard]] std::uint64_t pool() const noexcept { return pool_; }
  [[nodiscard]] const os::EventFd& producer_bell() const noexcept { return *bells_.front().event; }
  /// Requires: this process has not taken the end of another reader.
  [[nodiscard]] const os::EventFd& reader_bell(std::size_t index) const noexcept { return *bells_[index + 1].event; }

 private:
  struct Memory {
    std::optional<os::SharedMemory> shared;  // None once this process has no use for it any more.
    os::InheritedDescriptor inherited;
    std::uint64_t holder = 0;  // The token of the process that has the end, if it is this one.
  };
  struct Bell {
    std::optional<os::EventFd> event;  // None once this process has no use for it any more.
    os::InheritedDescriptor inherited;
  };

  FrameMemory(FrameGeometry geometry, std::uint64_t maker, std::uint64_t pool) noexcept;
  [[nodiscard]] Result<void> make(const std::string& name, std::size_t size);
  [[nodiscard]] Result<void> make_bells();
  void add_memory(os::SharedMemory memory);
  void add_bell(os::EventFd bell);
  [[nodiscard]] Result<std::shared_ptr<const RoleMapping>> map(Role role);
  [[nodiscard]] Result<os::Mapping> map_one(const os::SharedMemory& memory, bool writable) const;
  [[nodiscard]] bool is_maker() const noexcept;
  void keep_only(Role role) noexcept;

  const FrameGeometry geometry_;
  const std::uint64_t maker_;
  const std::uint64_t pool_;
  std::vector<Bell> bells_;  // The producer's, readers'.

  std::mutex mutex_;              // Guards what follows.
  std::vector<Memory> memories_;  // Pixels, stream, readers.
  std::shared_ptr<const RoleMapping> mapping_;
};

}  // namespace prong::frame::detail
