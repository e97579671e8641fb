#include "prong/message/output_archive.hpp"

#include "prong/base/exception.hpp"

#include <algorithm>

namespace prong {

OutputArchive::~OutputArchive() {
  if (!finished_) out_.resize(start_);
}

void OutputArchive::write_slowly(const void* data, std::size_t size) {
  const auto* const bytes = static_cast<const std::byte*>(data);
  const std::size_t used = written();
  out_.resize(start_ + used);
  // A large block goes in at once; behind a small one, room is made for what follows.
  constexpr std::size_t large = 4096;
  if (size < large)
    out_.resize(start_ + used + std::clamp(used, std::max<std::size_t>(size, 64), large));
  else
    out_.insert(out_.end(), bytes, bytes + size);
  std::byte* const place = out_.data() + start_ + used;
  if (size < large) std::memcpy(place, bytes, size);
  cursor_ = place + size;
  end_ = out_.data() + out_.size();
}

void OutputArchive::finish() {
  const std::size_t size = std::max(written(), least_message_size(charged_));
  if (size > UINT32_MAX) refuse_count(size);
  out_.resize(start_ + written());
  out_.resize(start_ + size);
  cursor_ = end_ = nullptr;
  finished_ = true;
}

void OutputArchive::refuse(std::string_view why) {
  throw_error(Error{Errc::invalid_argument, std::string{why}});
}

void OutputArchive::refuse_count(std::size_t count) {
  throw_error(Error{Errc::too_large, std::to_string(count) + " are more than fit into one message"});
}

void OutputArchive::refuse_nesting() {
  refuse("values are nested deeper than " + std::to_string(max_nesting));
}

}  // namespace prong
