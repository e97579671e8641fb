// Whatever bytes a peer sends are decoded or refused; memory stays bounded, and what was decoded survives its own
// round trip.
#include "allocation_count.hpp"
#include "fuzz/message/decode_inputs.hpp"
#include "prong/base/exception.hpp"
#include "prong/message/error_codec.hpp"
#include "prong/message/message_header.hpp"
#include "prong/message/message_object.hpp"
#include "prong/message/register_exception.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

namespace prong::fuzz {
namespace {

void demand(bool promise, const char* what) {
  if (promise) return;
  std::fprintf(stderr, "broken promise: %s\n", what);
  std::abort();
}

// Returns what `read` returns, having checked what it allocated for `bytes` in all.
template <class Read>
auto bounded(Bytes bytes, Read&& read) {
  const test::AllocationCount count;
  auto result = read(bytes);
  demand(count.bytes() <= 4 * bytes.size() + 64 * 1024, "at most 4 times the message and 64 KiB are allocated");
  return result;
}

template <class T>
void try_decode(Bytes bytes) {
  const Result<T> value = bounded(bytes, decode<T>);
  if (!value) {
    demand(value.error().code() == Errc::malformed && !value.error().message().empty(), "a refusal says why");
    return;
  }
  std::vector<std::byte> once;
  encode(*value, once);
  // A type without maps has one encoding for each value: what is accepted is exactly what would have been sent.
  if constexpr (std::same_as<T, Shape>) demand(std::ranges::equal(once, bytes), "only true encodings are accepted");
  const Result<T> again = decode<T>(once);
  demand(static_cast<bool>(again), "what was encoded decodes");
  std::vector<std::byte> twice;
  encode(*again, twice);
  // Compared by bytes, since a NaN does not equal itself; but what is hashed changes its order.
  if constexpr (std::same_as<T, Hashed>)
    demand(*again == *value, "a round trip changes nothing");
  else
    demand(once == twice, "a round trip changes nothing");
  if constexpr (std::same_as<T, Value> || std::same_as<T, MessageObject>)
    demand(!to_string(*value).empty(), "what was decoded can be printed");
}

void try_header(Bytes bytes) {
  const Result<MessageHeader> header = read_header(bytes);
  if (!header) return;
  std::array<std::byte, sizeof(MessageHeader)> image{};
  write_header(*header, image);
  demand(std::equal(image.begin(), image.end(), bytes.begin()), "a header is written as it was read");
}

void try_error(Bytes bytes) {
  const Error error = bounded(bytes, decode_error);
  std::vector<std::byte> once;
  encode_error(error, once);
  demand(once.size() <= max_encoded_error, "an encoded error has a limit");
  const Error again = decode_error(once);
  demand(again.code() == error.code(), "an error keeps its code");
  std::vector<std::byte> twice;
  encode_error(again, twice);
  demand(once == twice, "a second round trip of an error changes nothing");
  try {
    throw_error(again);
  } catch (const std::exception& exception) {
    demand(exception.what() != nullptr, "an exception of another process has a text");
    if (const auto origin = origin_of(exception))
      demand(origin->causes.size() <= prong::detail::most_causes, "a chain of exceptions has an end");
  } catch (const ShapeError&) {
  }
}

}  // namespace
}  // namespace prong::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace prong;
  using namespace prong::fuzz;
  if (size == 0) return 0;
  static const bool registered = [] {
    register_exception<ShapeError>("fuzz.ShapeError");
    return true;
  }();
  demand(registered, "a user's exception is known");
  const Bytes bytes = std::as_bytes(std::span{data, size}).subspan(1);
  switch (static_cast<Decoder>(data[0] % decoders)) {
    case Decoder::value: try_decode<Value>(bytes); break;
    case Decoder::message_object: try_decode<MessageObject>(bytes); break;
    case Decoder::header: try_header(bytes); break;
    case Decoder::error: try_error(bytes); break;
    case Decoder::user_type: try_decode<Shape>(bytes); break;
    case Decoder::hashed: try_decode<Hashed>(bytes); break;
    case Decoder::standard_types: try_decode<StandardTypes>(bytes); break;
  }
  return 0;
}
