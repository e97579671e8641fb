#include "prong/sync/event_group.hpp"

#include "prong/sync/detail/event_table.hpp"
#include "prong/sync/event_ticket.hpp"

namespace prong {
namespace {

Error foreign() {
  return fail(Errc::foreign_event, "the event belongs to another group");
}

}  // namespace

EventGroup::EventGroup(std::size_t size, EventKind kind)
    : table_{sync::detail::EventTable::create(size, kind).value()} {}

Result<ReservedEvent> EventGroup::reserve(Deadline deadline) {
  PRONG_TRY_ASSIGN(const EventIndex index, table_->reserve(deadline));
  return ReservedEvent{index, Event{*table_, index}};
}

Result<void> EventGroup::release(const Event& event) {
  if (event.table_ != table_.get()) return foreign();
  return table_->release(event.index_);
}

Result<void> EventGroup::release(EventIndex index) {
  return table_->release(index);
}

Result<Event> EventGroup::from_index(EventIndex index) const {
  PRONG_TRY(table_->check(index));
  return Event{*table_, index};
}

Result<EventIndex> EventGroup::as_index(const Event& event) const {
  if (event.table_ != table_.get()) return foreign();
  return event.index_;
}

Result<void> EventGroup::set(EventIndex index) const {
  return table_->set(index);
}

std::size_t EventGroup::size() const noexcept {
  return table_->size();
}

EventKind EventGroup::kind() const noexcept {
  return table_->kind();
}

}  // namespace prong

namespace prong::sync::detail {

Result<EventTicket> EventTravel::ticket_of(const EventGroup& group) {
  return group.table_->ticket();
}

Result<EventGroup> EventTravel::open(const EventTicket& ticket) {
  PRONG_TRY_ASSIGN(auto table, EventTable::open(ticket));
  return EventGroup{std::move(table)};
}

}  // namespace prong::sync::detail
