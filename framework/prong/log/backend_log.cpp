#include "prong/log/backend_log.hpp"

#include "prong/base/contract.hpp"
#include "prong/log/detail/log_output.hpp"
#include "prong/log/detail/log_ring_layout.hpp"
#include "prong/log/detail/log_ring_writer.hpp"
#include "prong/log/log_ring.hpp"

namespace prong {

void log_to(LogRing& ring) {
  PRONG_EXPECT(!ring.is_of_this_process(), "a log ring is written by a backend and read by who made it");
  PRONG_EXPECT(!log::detail::output_is_ring(), "a backend has one log ring");
  // Left to the end of the process: threads may log until then.
  log::detail::output_to_ring(*new log::detail::LogRingWriter{ring.memory()});
}

}  // namespace prong
