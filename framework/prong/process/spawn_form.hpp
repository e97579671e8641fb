// How an argument of spawn() travels: as it is, or as numbers beside descriptors.
#pragma once

#include "prong/base/exception.hpp"
#include "prong/frame/frame_ring.hpp"
#include "prong/frame/frame_ticket.hpp"
#include "prong/sync/event_group.hpp"
#include "prong/sync/event_ticket.hpp"

#include <concepts>
#include <vector>

namespace prong::detail {

/// Most arguments are encoded like those of a command.
template <class Argument>
struct SpawnForm {
  using Type = Argument;
  static const Argument& pack(const Argument& argument, std::vector<int>&) noexcept { return argument; }
  static Argument&& unpack(Type& form) noexcept { return std::move(form); }
};

/// Frames lie in memory that is handed over by its descriptors; they have the same numbers on the other side.
template <class Frames>
requires std::same_as<Frames, FrameRing> || std::same_as<Frames, FramePool>
struct SpawnForm<Frames> {
  using Type = frame::detail::FrameTicket;
  static Type pack(const Frames& frames, std::vector<int>& descriptors) {
    Type ticket = frame::detail::FrameTravel::ticket_of(frames).value();
    descriptors.insert(descriptors.end(), ticket.memories.begin(), ticket.memories.end());
    descriptors.insert(descriptors.end(), ticket.bells.begin(), ticket.bells.end());
    return ticket;
  }
  static Frames unpack(const Type& ticket) {
    if constexpr (std::same_as<Frames, FrameRing>)
      return frame::detail::FrameTravel::open_ring(ticket).value();
    else
      return frame::detail::FrameTravel::open_pool(ticket).value();
  }
};

/// So do events.
template <>
struct SpawnForm<EventGroup> {
  using Type = sync::detail::EventTicket;
  static Type pack(const EventGroup& group, std::vector<int>& descriptors) {
    Type ticket = sync::detail::EventTravel::ticket_of(group).value();
    descriptors.push_back(ticket.memory);
    descriptors.insert(descriptors.end(), ticket.events.begin(), ticket.events.end());
    return ticket;
  }
  static EventGroup unpack(const Type& ticket) { return sync::detail::EventTravel::open(ticket).value(); }
};

}  // namespace prong::detail
