#include "prong/frame/frame_ticket.hpp"

#include "prong/frame/detail/frame_memory.hpp"
#include "prong/frame/frame_ring.hpp"

namespace prong::frame::detail {

Result<FrameTicket> FrameTravel::ticket_of(const FramePool& pool) {
  return pool.memory_->ticket();
}

Result<FrameTicket> FrameTravel::ticket_of(const FrameRing& ring) {
  return ticket_of(ring.pool_);
}

Result<FramePool> FrameTravel::open_pool(const FrameTicket& ticket) {
  PRONG_TRY_ASSIGN(auto memory, FrameMemory::open(ticket));
  return FramePool{std::move(memory)};
}

Result<FrameRing> FrameTravel::open_ring(const FrameTicket& ticket) {
  if (ticket.readers == 0) return fail(Errc::bad_message, "a ring without readers");
  PRONG_TRY_ASSIGN(auto pool, open_pool(ticket));
  return FrameRing{std::move(pool)};
}

}  // namespace prong::frame::detail
