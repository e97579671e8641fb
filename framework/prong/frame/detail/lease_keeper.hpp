// To whom a lease is given back.
#pragma once

#include <cstdint>

namespace prong::frame::detail {

/// An end of a ring, as its leases see it.
///
/// Thread safety: any thread.
class LeaseKeeper {
 public:
  virtual ~LeaseKeeper() = default;

  /// Takes back the lease of a slot. Does nothing in another process than the one that leased it.
  virtual void give_back(std::uint32_t slot) noexcept = 0;
};

}  // namespace prong::frame::detail
