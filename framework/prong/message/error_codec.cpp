#include "prong/message/error_codec.hpp"

#include "prong/base/exception_types.hpp"
#include "prong/base/throw_probe.hpp"
#include "prong/message/codec.hpp"
#include "prong/message/detail/printable.hpp"

#include <algorithm>
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

struct WireException {
  ThrownException thrown;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(thrown.type, thrown.what, thrown.registered, thrown.content);
  }
};

struct WireError {
  ErrorParts parts;
  std::vector<WireException> causes;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(parts.code, parts.system_error, parts.may_have_run, parts.message);
    serialize_optional(archive, parts.death, [&](ProcessDeath& death) {
      archive(death.process, death.pid, death.exit_code, death.signal, death.command);
      archive(death.request, death.cause, death.explanation);
    });
    serialize_optional(archive, parts.remote, [&](RemoteFailure& failure) {
      archive(failure.command, failure.process, failure.pid, failure.stack);
      archive(failure.type, failure.what, failure.registered, failure.content, causes);
    });
  }
};

constexpr std::size_t most_text = 16 * 1024;
constexpr std::size_t most_name = 1024;

// What is left of the longest encoding. What comes first gets what it asks for, the rest what remains.
class Room {
 public:
  // Returns `text`, or what fits of it and dots.
  std::string text(const std::string& text, std::size_t most) {
    most = std::min(most, left_);
    const std::string_view dots = "...";
    std::string fitting = text;
    if (text.size() > most)
      fitting = std::string{detail::beginning_of(text, most - std::min(most, dots.size()))}.append(
          dots.substr(0, std::min(most, dots.size())));
    left_ -= fitting.size();
    return fitting;
  }
  // Without its whole content an exception cannot be made again, and is not registered then.
  ThrownException thrown(const std::string& type, const std::string& what, const std::string& registered,
                         const std::vector<std::byte>& content) {
    ThrownException fitting{
        .type = text(type, most_name), .what = text(what, most_text), .registered = {}, .content = {}};
    const bool fits = registered.size() <= most_name && content.size() <= detail::most_exception_content &&
                      registered.size() + content.size() <= left_;
    if (!fits) return fitting;
    fitting.registered = registered;
    fitting.content = content;
    left_ -= registered.size() + content.size();
    return fitting;
  }

 private:
  // Counts, numbers and the stack take the rest.
  std::size_t left_ = max_encoded_error - 2048;
};

static_assert(detail::most_causes * 4 * 4 + detail::most_throw_frames * 8 + 256 < 2048);

}  // namespace

void encode_error(const Error& error, std::vector<std::byte>& out) {
  WireError wire{};
  Room room;
  ErrorParts& parts = wire.parts;
  parts.code = error.code();
  parts.system_error = error.system_error();
  parts.may_have_run = error.may_have_run();
  parts.message = room.text(error.message(), most_text);
  if (const ProcessDeath* const death = error.death()) {
    parts.death = *death;
    parts.death->process = room.text(death->process, most_name);
    parts.death->command = room.text(death->command, most_name);
    parts.death->explanation = room.text(death->explanation, most_name);
  }
  if (const RemoteFailure* const failure = error.remote()) {
    RemoteFailure& remote = parts.remote.emplace();
    remote.command = room.text(failure->command, most_name);
    remote.process = room.text(failure->process, most_name);
    remote.pid = failure->pid;
    remote.stack = failure->stack;
    remote.stack.resize(std::min(remote.stack.size(), detail::most_throw_frames));
    ThrownException own = room.thrown(failure->type, failure->what, failure->registered, failure->content);
    remote.type = std::move(own.type);
    remote.what = std::move(own.what);
    remote.registered = std::move(own.registered);
    remote.content = std::move(own.content);
    for (const ThrownException& cause : failure->causes) {
      if (wire.causes.size() == detail::most_causes) break;
      wire.causes.push_back({room.thrown(cause.type, cause.what, cause.registered, cause.content)});
    }
  }
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
  // Each is thrown inside the next one: a long chain would take the stack of whoever calls get().
  if (wire->causes.size() > detail::most_causes)
    return fail(Errc::malformed, "an error of " + std::to_string(wire->causes.size()) + " nested exceptions");
  if (parts.remote && parts.remote->stack.size() > detail::most_throw_frames)
    return fail(Errc::malformed, "an error with a stack of " + std::to_string(parts.remote->stack.size()));
  for (WireException& cause : wire->causes) parts.remote->causes.push_back(std::move(cause.thrown));
  return Error::from_parts(std::move(parts));
}

}  // namespace prong
