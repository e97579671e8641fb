#include "prong/log/backend_log.hpp"

#include "prong/base/contract.hpp"
#include "prong/log/detail/log_output.hpp"
#include "prong/log/detail/log_ring_layout.hpp"
#include "prong/log/detail/log_ring_writer.hpp"

#include <new>

namespace prong {

Result<void> log_to(const os::SharedMemory& memory) {
  PRONG_EXPECT(!log::detail::output_is_ring(), "a backend has one log ring");
  const std::size_t page = os::page_size();
  const std::size_t capacity = memory.size() - page;
  PRONG_TRY_ASSIGN(auto control, memory.map_part(0, page, os::Access::read_write));
  PRONG_TRY_ASSIGN(auto records, memory.map_twice(page, capacity, os::Access::read_write));
  // Left to the end of the process, as the mappings are: threads may log until then.
  const os::Mapping& words = *new os::Mapping{std::move(control)};
  const os::Mapping& bytes = *new os::Mapping{std::move(records)};
  log::detail::output_to_ring(*new log::detail::LogRingWriter{
      {.control = std::launder(reinterpret_cast<log::detail::LogRingControl*>(words.data())),
       .records = bytes.data(),
       .capacity = capacity}});
  return {};
}

}  // namespace prong
