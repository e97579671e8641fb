// An event whose descriptor is readable while it is set.
//
// Layout and rules: docs/formats/event_group.md, kind `descriptor`.
#pragma once

#include "prong/os/event_fd.hpp"
#include "prong/os/inherited.hpp"
#include "prong/sync/detail/event_cell.hpp"

namespace prong::sync::detail {

/// An eventfd, and a word in shared memory that lets no set of an earlier generation reach it.
class DescriptorCell final : public EventCell {
 public:
  /// Requires: `word` is in shared memory and outlives the cell.
  DescriptorCell(std::atomic<std::uint64_t>& word, os::EventFd event);

  [[nodiscard]] bool set(Generation generation) noexcept override;
  [[nodiscard]] bool clear(Generation generation) noexcept override;
  [[nodiscard]] EventState state(Generation generation) const noexcept override;
  [[nodiscard]] Result<EventState> wait(Generation generation, Deadline deadline) override;
  [[nodiscard]] Result<EventState> wait(Generation generation, Peer& peer, Deadline deadline) override;
  [[nodiscard]] int descriptor() const noexcept override { return event_.descriptor(); }
  [[nodiscard]] int event_descriptor() const noexcept override { return event_.descriptor(); }

  void retire() noexcept override;
  [[nodiscard]] bool settle() noexcept override;
  void reset(Generation generation) noexcept override;

 private:
  [[nodiscard]] bool is_present(Generation generation) const noexcept;

  std::atomic<std::uint64_t>& word_;
  os::EventFd event_;
  os::InheritedDescriptor inherited_;
};

}  // namespace prong::sync::detail
