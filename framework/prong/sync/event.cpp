#include "prong/sync/event.hpp"

#include "prong/sync/detail/event_table.hpp"

namespace prong {

Result<void> Event::set() const {
  return table_->set(index_);
}

Result<void> Event::clear() const {
  return table_->clear(index_);
}

bool Event::is_set() const {
  return table_->is_set(index_);
}

Result<void> Event::wait(Deadline deadline) const {
  return table_->wait(index_, nullptr, deadline);
}

Result<void> Event::wait(Peer& peer, Deadline deadline) const {
  return table_->wait(index_, &peer, deadline);
}

Result<int> Event::descriptor() const {
  return table_->descriptor(index_);
}

}  // namespace prong
