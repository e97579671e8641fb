#include "prong/message/input_archive.hpp"

#include "prong/base/exception.hpp"

#include <algorithm>

namespace prong {

void InputArchive::finish() {
  const auto consumed = static_cast<std::size_t>(cursor_ - begin_);
  const std::size_t least = least_message_size(charged_);
  const std::size_t padding = least > consumed ? least - consumed : 0;
  if (remaining() != padding) fail(std::to_string(remaining()) + " bytes are left over");
  if (std::any_of(cursor_, end_, [](std::byte byte) { return byte != std::byte{0}; })) fail("the padding is not zero");
}

void InputArchive::fail(std::string_view why) const {
  throw_error(Error{Errc::malformed, std::string{why} + ", at byte " + std::to_string(cursor_ - begin_) + " of " +
                                         std::to_string(end_ - begin_)});
}

void InputArchive::fail_truncated(std::size_t wanted) const {
  fail("the message is cut off: " + std::to_string(wanted) + " bytes are wanted and " + std::to_string(remaining()) +
       " are left");
}

void InputArchive::fail_count(std::size_t count) const {
  fail(std::to_string(count) + " elements are announced and " + std::to_string(remaining()) + " bytes are left");
}

}  // namespace prong
