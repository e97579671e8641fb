#include "prong/process/detail/backend_seat.hpp"

namespace prong::detail {

Result<OwnedSeat> OwnedSeat::open(std::span<const int> descriptors, std::size_t data_bytes) {
  if (descriptors.size() < descriptor_count) return fail(Errc::bad_message, "descriptors of a backend are missing");
  PRONG_TRY_ASSIGN(auto memory, os::SharedMemory::open(os::UniqueFd{descriptors[0]}));
  PRONG_TRY_ASSIGN(auto segment, transport::Segment::open(std::move(memory), data_bytes, os::UniqueFd{descriptors[1]},
                                                          os::UniqueFd{descriptors[2]}));
  PRONG_TRY_ASSIGN(auto log, os::SharedMemory::open(os::UniqueFd{descriptors[3]}));
  PRONG_TRY_ASSIGN(auto crash, os::SharedMemory::open(os::UniqueFd{descriptors[4]}));
  return OwnedSeat{std::move(segment), std::move(log), std::move(crash)};
}

}  // namespace prong::detail
