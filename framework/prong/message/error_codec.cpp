#include "prong/message/error_codec.hpp"

#include "prong/message/codec.hpp"
#include "prong/message/detail/printable.hpp"

#include <optional>

namespace prong {
namespace {

// Writes or reads `part` behind a byte that tells whether it is there.
template <class Archive, class T, class Members>
void serialize_optional(Archive& archive, std::optional<T>& part, Members members) {
  bool is_there = part.has_value();
  archive(is_there);
  if (!is_there) return;
  if (!part) part.emplace();
  members(*part);
}

struct WireError {
  ErrorParts parts;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(parts.code, parts.system_error, parts.may_have_run, parts.message);
    serialize_optional(archive, parts.death, [&](ProcessDeath& death) {
      archive(death.process, death.pid, death.exit_code, death.signal, death.command);
    });
    serialize_optional(archive, parts.remote, [&](RemoteFailure& failure) {
      archive(failure.type, failure.what, failure.command, failure.process);
    });
  }
};

// Together less than max_encoded_error: one message and what is known of a remote exception, or one death.
constexpr std::size_t most_text = 16 * 1024;
constexpr std::size_t most_name = 1024;
static_assert(2 * most_text + 5 * most_name + 256 < max_encoded_error);

// Returns `text`, or what fits of it and dots.
std::string cut(const std::string& text, std::size_t most) {
  if (text.size() <= most) return text;
  const std::string_view dots = "...";
  return std::string{detail::beginning_of(text, most - dots.size())}.append(dots);
}

}  // namespace

void encode_error(const Error& error, std::vector<std::byte>& out) {
  WireError wire{};
  ErrorParts& parts = wire.parts;
  parts.code = error.code();
  parts.system_error = error.system_error();
  parts.may_have_run = error.may_have_run();
  parts.message = cut(error.message(), most_text);
  if (const ProcessDeath* const death = error.death()) {
    parts.death = *death;
    parts.death->process = cut(death->process, most_name);
    parts.death->command = cut(death->command, most_name);
  }
  if (const RemoteFailure* const failure = error.remote())
    parts.remote = RemoteFailure{.type = cut(failure->type, most_name),
                                 .what = cut(failure->what, most_text),
                                 .command = cut(failure->command, most_name),
                                 .process = cut(failure->process, most_name)};
  encode(wire, out);
}

Error decode_error(Bytes bytes) {
  Result<WireError> wire = decode<WireError>(bytes);
  if (!wire) return std::move(wire).error().with_context("an error that does not decode");
  ErrorParts& parts = wire->parts;
  // Whoever catches by code relies on these: a hostile peer must not forge a death without one.
  if (parts.death && parts.code != Errc::process_expired)
    return fail(Errc::malformed, "an error that tells of a death has another code");
  if (parts.remote && parts.code != Errc::handler_failed)
    return fail(Errc::malformed, "an error that tells of an exception has another code");
  return Error::from_parts(std::move(parts));
}

}  // namespace prong
