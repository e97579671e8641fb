#include "prong/actors/video/event_log.hpp"

#include "prong/actors/video/detail/aside_file.hpp"

#include "prong/base/contract.hpp"

#include <array>
#include <cstdio>

namespace prong::video {

namespace {

const char* word_of(TrackEvent::Kind kind) {
  switch (kind) {
    case TrackEvent::Kind::enter: return "enter";
    case TrackEvent::Kind::leave: return "leave";
    case TrackEvent::Kind::person: return "person";
  }
  return "?";
}

}  // namespace

std::string to_json(const TrackEvent& event) {
  const double seconds = std::chrono::duration<double>(event.time).count();
  std::array<char, 256> text{};
  const int length = std::snprintf(
      text.data(), text.size(), R"({"ev":"%s","frame":%llu,"t":%.2f,"track":%llu,"box":[%d,%d,%d,%d]})",
      word_of(event.kind), static_cast<unsigned long long>(event.frame), seconds,
      static_cast<unsigned long long>(event.track), event.box.x, event.box.y, event.box.width, event.box.height);
  return {text.data(), static_cast<std::size_t>(length)};
}

class EventLog::Impl {
 public:
  explicit Impl(detail::AsideFile opened) noexcept : file{std::move(opened)} {}

  Result<void> write(std::string line) {
    PRONG_EXPECT(!finished, "a finished log takes no more events");
    PRONG_TRY(file.write(as_bytes(line += '\n')));
    ++lines;
    return {};
  }

  detail::AsideFile file;
  std::uint64_t lines = 0;
  bool finished = false;
};

EventLog::EventLog(std::unique_ptr<Impl> impl) noexcept : impl_{std::move(impl)} {}
EventLog::EventLog(EventLog&&) noexcept = default;
EventLog& EventLog::operator=(EventLog&&) noexcept = default;
EventLog::~EventLog() = default;

Result<EventLog> EventLog::create(std::string path) {
  PRONG_TRY_ASSIGN(detail::AsideFile file, detail::AsideFile::create(std::move(path)));
  return EventLog{std::make_unique<Impl>(std::move(file))};
}

Result<void> EventLog::write(const TrackEvent& event) {
  return impl_->write(to_json(event));
}

Result<void> EventLog::write_skipped(std::uint64_t frame, std::uint32_t attempts) {
  return impl_->write(R"({"ev":"poison_frame","frame":)" + std::to_string(frame) + R"(,"attempts":)" +
                      std::to_string(attempts) + "}");
}

Result<void> EventLog::finish() {
  PRONG_EXPECT(!impl_->finished, "a log is finished once");
  PRONG_TRY(impl_->file.commit());
  impl_->finished = true;
  return {};
}

std::uint64_t EventLog::size() const noexcept {
  return impl_->lines;
}

}  // namespace prong::video
