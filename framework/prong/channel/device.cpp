#include "prong/channel/device.hpp"

#include <exception>

namespace prong {

void ChannelEnds::drop_writer() noexcept {
  if (writers_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  // What was written is not all that was meant: readers must be able to tell.
  if (std::uncaught_exceptions() != 0)
    close(Error{Errc::cancelled, "an exception has ended the last writer of the channel"});
  else
    close(std::nullopt);
}

Error read_error(TransferEnd end) {
  if (end == TransferEnd::deadline) return Error{Errc::deadline_exceeded, "no item came in time"};
  return Error{Errc::closed, "there are no more items"};
}

Error write_error(TransferEnd end) {
  if (end == TransferEnd::deadline) return Error{Errc::deadline_exceeded, "there was no room in time"};
  if (end == TransferEnd::full) return Error{Errc::overloaded, "the channel is full"};
  return Error{Errc::read_only, "the channel is closed, or nobody reads it any more"};
}

}  // namespace prong
