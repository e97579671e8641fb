#include "prong/sync/sync_index.hpp"

namespace prong {

SyncIndex::SyncIndex(EventGroup& group, Peer& peer, Deadline reserve_deadline)
    : SyncIndex{group, &peer, group.reserve(reserve_deadline).value().event} {}

SyncIndex::SyncIndex(EventGroup& group, Deadline reserve_deadline)
    : SyncIndex{group, nullptr, group.reserve(reserve_deadline).value().event} {}

SyncIndex::SyncIndex(SyncIndex&& other) noexcept
    : group_{std::exchange(other.group_, nullptr)}, peer_{other.peer_}, event_{other.event_} {}

SyncIndex::~SyncIndex() {
  // It fails in a process that was forked meanwhile, and where the user has released the event himself.
  if (group_ != nullptr) static_cast<void>(group_->release(event_));
}

Result<SyncIndex> SyncIndex::reserve(EventGroup& group, Peer& peer, Deadline deadline) {
  PRONG_TRY_ASSIGN(const ReservedEvent reserved, group.reserve(deadline));
  return SyncIndex{group, &peer, reserved.event};
}

Result<SyncIndex> SyncIndex::reserve(EventGroup& group, Deadline deadline) {
  PRONG_TRY_ASSIGN(const ReservedEvent reserved, group.reserve(deadline));
  return SyncIndex{group, nullptr, reserved.event};
}

Result<void> SyncIndex::wait(Deadline deadline) const {
  return peer_ != nullptr ? event_.wait(*peer_, deadline) : event_.wait(deadline);
}

}  // namespace prong
