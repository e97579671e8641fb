#include "prong/frame/frame_lease.hpp"

#include "prong/frame/detail/lease_keeper.hpp"

#include <utility>

namespace prong {

FrameLease::FrameLease(FrameLease&& other) noexcept
    : keeper_{std::move(other.keeper_)},
      bytes_{std::exchange(other.bytes_, {})},
      meta_{std::exchange(other.meta_, {})},
      handle_{std::exchange(other.handle_, {})},
      delivery_{std::exchange(other.delivery_, 1)} {}

FrameLease& FrameLease::operator=(FrameLease&& other) noexcept {
  if (this != &other) {
    release();
    keeper_ = std::move(other.keeper_);
    bytes_ = std::exchange(other.bytes_, {});
    meta_ = std::exchange(other.meta_, {});
    handle_ = std::exchange(other.handle_, {});
    delivery_ = std::exchange(other.delivery_, 1);
  }
  return *this;
}

void FrameLease::release() noexcept {
  if (!keeper_) return;
  keeper_->give_back(meta_.slot);
  keeper_.reset();
  bytes_ = {};
}

}  // namespace prong
