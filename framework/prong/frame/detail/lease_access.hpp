// How the ends of a ring make leases.
#pragma once

#include "prong/frame/detail/lease_keeper.hpp"
#include "prong/frame/frame_lease.hpp"

#include <utility>

namespace prong::frame::detail {

struct LeaseAccess {
  /// Requires: `meta` was checked, and `keeper` holds its slot.
  [[nodiscard]] static FrameLease make(std::shared_ptr<LeaseKeeper> keeper, Bytes slot, const FrameMeta& meta,
                                       FrameHandle handle, std::uint32_t delivery) noexcept {
    FrameLease lease;
    lease.keeper_ = std::move(keeper);
    lease.bytes_ = slot.first(meta.size);
    lease.meta_ = meta;
    lease.handle_ = handle;
    lease.delivery_ = delivery;
    return lease;
  }
};

}  // namespace prong::frame::detail
