#include "pipeline.hpp"

#include <unistd.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <limits>

namespace example {
namespace {

using namespace std::chrono_literals;
using prong::Deadline;
using prong::video::StageReport;

constexpr std::size_t frame_slots = 16;
constexpr std::size_t detector_reader = 0;
constexpr std::size_t sink_reader = 1;
constexpr std::size_t persons_reader = 2;
constexpr std::uint64_t unknown_frame_bytes = 1920ULL * 1088 * 3 / 2;  // a camera that has not called yet

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

double percentile(std::vector<std::chrono::nanoseconds> times, double share) {
  if (times.empty()) return 0;
  const auto place = static_cast<std::size_t>(share * static_cast<double>(times.size() - 1));
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(place), times.end());
  return static_cast<double>(times[place].count()) / 1e3;
}

// What went wrong inside a handler is the sentence that counts, not how it travelled.
std::string sentence(const prong::Error& error) {
  return error.remote() != nullptr ? error.remote()->what : error.message();
}

}  // namespace

Pipeline::Pipeline(Options options) : options_{std::move(options)} {
  prong::Logger::format_logger(prong::LogLevel::warning);  // what goes well is shown by the progress
}

void Pipeline::start_processes() {
  stream_.frame_bytes = unknown_frame_bytes;
  if (!options_.listen) {
    auto found = prong::video::probe(source_options());
    if (!found) throw std::runtime_error{sentence(found.error())};
    stream_ = *found;
  }
  // From here on a signal ends what was begun in order. Before, there is nothing to end: it ends the program.
  stop_on_signals();
  make_rings(stream_);
  source_ = std::make_unique<prong::video::VideoSource>("source", *frames_, events_);
  detector_ =
      std::make_unique<prong::video::MotionDetectorProcess>("detector", *frames_, detector_reader, *found_, events_);
  if (options_.persons)
    persons_ = make_person_stage(
        {.frames = *frames_, .frames_reader = persons_reader, .found = *found_, .marked = *marked_}, events_);
  sink_ =
      std::make_unique<prong::video::VideoSink>("sink", *frames_, sink_reader, marked_ ? *marked_ : *found_, events_);
  manage_stage(source_stage_, *source_, *source_);
  manage_stage(detector_stage_, *detector_, *detector_);
  if (persons_) manage_stage(persons_stage_, persons_->process(), *persons_);
  manage_stage(sink_stage_, *sink_, *sink_);
  source_stage_.resume = [this] {
    auto options = source_options();
    options.resume = true;
    expect_resumed(source_stage_, source_->open(options),
                   [this] { expect_resumed(source_stage_, source_->play(source_stage_.ended->index), [] {}); });
  };
  detector_stage_.resume = [this] {
    expect_resumed(detector_stage_, detector_->watch_frames(detector_options(), detector_stage_.ended->index), [] {});
  };
  sink_stage_.resume = [this] {
    auto options = sink_options();
    options.resume = true;
    expect_resumed(sink_stage_, sink_->open(options, sink_stage_.ended->index), [] {});
  };
}

prong::video::SinkOptions Pipeline::sink_options() const {
  return {.directory = options_.output,
          .caption = "PRONG",
          .rate_numerator = stream_.rate_numerator,
          .rate_denominator = stream_.rate_denominator,
          .width = stream_.width,
          .height = stream_.height,
          .video = true,
          .journal = options_.restarts > 0,
          .resume = false};
}

prong::video::DetectorOptions Pipeline::detector_options() const {
  return {.rate_numerator = stream_.rate_numerator,
          .rate_denominator = stream_.rate_denominator,
          .attempts = 2,
          .poison = options_.poison};
}

std::chrono::nanoseconds Pipeline::stall_limit() const {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>{options_.stall_seconds});
}

prong::video::SourceOptions Pipeline::source_options() const {
  return {.url = options_.input,
          .frames_per_second = options_.frames_per_second,
          .stall_limit = stall_limit().count(),
          .listen = options_.listen,
          .resume = false,
          .checksums = options_.chaos || options_.poison > 0 || !options_.kills.empty()};
}

void Pipeline::make_rings(const prong::video::StreamSummary& stream) {
  // A file waits for its readers and loses nothing; a camera does not wait, and what is missed is counted.
  const bool live = stream.live || options_.listen;
  frames_ = std::make_unique<prong::FrameRing>(
      prong::FrameRingOptions{.name = "frames",
                              .slots = frame_slots,
                              .slot_bytes = static_cast<std::size_t>(stream.frame_bytes),
                              .readers = options_.persons ? 3U : 2U,
                              .policy = live ? prong::FramePolicy::latest_only : prong::FramePolicy::block});
  const auto ring_of_detections = [](std::string name) {
    return std::make_unique<prong::FrameRing>(prong::FrameRingOptions{.name = std::move(name),
                                                                      .slots = frame_slots,
                                                                      .slot_bytes = prong::video::detections_slot_bytes,
                                                                      .readers = 1,
                                                                      .policy = prong::FramePolicy::block});
  };
  found_ = ring_of_detections("detections");
  if (options_.persons) marked_ = ring_of_detections("people");
}

// `reporting` answers for the process.
template <class Reporting>
void Pipeline::manage_stage(Stage& stage, prong::MessageProcess& process, Reporting& reporting) {
  stages_.push_back(&stage);
  stage.name = process.name();
  stage.process = &process;
  stage.ask = [&reporting] { return reporting.report(); };
  stage.ended = events_.reserve().value();
  manage(process);
  process.start();
}

// A supervisor for each stage, so that each has its own restarts, and one that gives up leaves the others at work.
void Pipeline::supervise(Stage& stage) {
  stage.incarnation = stage.process->incarnation();
  stage.supervisor = std::make_unique<prong::Supervisor>(
      prong::SupervisorSpec{.name = stage.name,
                            .intensity = options_.chaos ? std::numeric_limits<unsigned>::max() : options_.restarts,
                            .period = 24h,
                            .backoff = {.initial = 1ms, .factor = 1}},
      loop());
  // A source that waits for its camera answers when it has given that up.
  stage.supervisor->add(*stage.process,
                        {.restart = restart_type(stage), .liveness = prong::Liveness{.deadline = stall_limit() + 10s}});
  stage.supervisor->on_event([this, &stage](const prong::SupervisionEvent& event) { note(stage, event); });
  supervisor_.add({.name = stage.name, .restart = prong::RestartType::temporary}, *stage.supervisor);
}

prong::RestartType Pipeline::restart_type(const Stage& stage) const {
  const bool may = stage.resume && (options_.chaos || options_.restarts > 0);
  return may ? prong::RestartType::transient : prong::RestartType::temporary;
}

int Pipeline::main_loop() {
  if (!begin()) {
    std::fprintf(stderr, "07_video: interrupted before the first frame; nothing was written\n");
    return 128 + stop_signal();
  }
  run_until([this] { return whole() || stopping() || !problem_.empty(); }, Deadline::never());
  if (!whole()) {
    clear_progress();
    interrupted_ = problem_.empty();
    if (interrupted_) std::fprintf(stderr, "07_video: interrupted, finishing what was begun\n");
    end_early();
  }
  clear_progress();
  over_ = true;
  const int code = verdict();
  if (options_.json)
    print_json(code);
  else
    print_table();
  std::fflush(stdout);
  if (!problem_.empty())
    std::fprintf(stderr, "07_video: %s\n", problem_.c_str());
  else if (code == 1)
    std::fprintf(stderr, "07_video: not every frame is accounted for\n");
  return code;
}

// Waits for a stage's answer. A signal makes the source give up what it waits for.
template <class T>
prong::Result<T> Pipeline::answer(prong::Future<T> future) {
  while (!future.wait(Deadline::after(100ms)))
    if (stopping()) source_->finish();
  return future.result();
}

// Each stage is ready before the one that feeds it begins. False: a signal came before there was anything to end.
bool Pipeline::begin() {
  auto stream = answer(source_->open(source_options()));
  if (!stream && stopping()) return false;
  if (!stream) throw std::runtime_error{sentence(stream.error())};
  stream_ = *std::move(stream);
  if (!options_.json) {
    std::printf("input: %s%s%s (%s in %s, %dx%d, %.5g frames per second)\n", stream_.name.c_str(),
                options_.input_note.empty() ? "" : ", ", options_.input_note.c_str(), stream_.codec.c_str(),
                stream_.container.c_str(), stream_.width, stream_.height, stream_.rate().per_second());
    std::fflush(stdout);
  }
  const auto must = [](const prong::Result<void>& done) {
    if (!done) throw std::runtime_error{sentence(done.error())};
  };
  must(answer(sink_->open(sink_options(), sink_stage_.ended->index)));
  if (persons_) must(answer(persons_->watch_frames(persons_stage_.ended->index)));
  must(answer(detector_->watch_frames(detector_options(), detector_stage_.ended->index)));
  for (Stage* const stage : stages_) wait_for_end(*stage);
  for (Stage* const stage : stages_) supervise(*stage);
  must(supervisor_.start());
  manage(supervisor_);
  must(answer(source_->play(source_stage_.ended->index)));
  every(50ms, [this] { tick(); });
  if (options_.chaos) {
    random_.seed(*options_.chaos);
    next_kill_ = Deadline::after(std::chrono::milliseconds{random_() % 100});
    every(2ms, [this] { kill_at_random(); });
  }
  if (!options_.kills.empty()) every(2ms, [this] { kill_as_ordered(); });
  return true;
}

void Pipeline::wait_for_end(Stage& stage) {
  const int descriptor = stage.ended->event.descriptor().value();
  watch(descriptor, [this, &stage, descriptor] {
    unwatch(descriptor);
    ask(stage);
  });
}

// Asks a stage how far it is; the answer comes to this thread, and its way is timed.
void Pipeline::ask(Stage& stage) {
  const auto before = std::chrono::steady_clock::now();
  stage.ask().then([this, &stage, before](prong::Result<StageReport> report) {
    if (!report) return;  // its death is told by its supervisor
    stage.answered = std::chrono::steady_clock::now();
    stage.round_trips.push_back(stage.answered - before);
    stage.report = std::move(*report);
    if (!stage.report.ended || std::exchange(stage.has_ended, true)) return;
    if (!stage.report.problem.empty() && problem_.empty()) problem_ = stage.name + ": " + stage.report.problem;
    if (&stage == &sink_stage_) sink_->conclude();
  });
}

void Pipeline::tick() {
  if (over_) return;  // the figures have been printed
  for (Stage* const stage : stages_)
    if (!stage->has_ended) ask(*stage);
  if (!options_.headless && !options_.json && ::isatty(STDERR_FILENO) != 0) show_progress();
}

void Pipeline::note(Stage& stage, const prong::SupervisionEvent& event) {
  using Kind = prong::SupervisionEvent::Kind;
  switch (event.kind) {
    case Kind::down:
      if (!event.cause) break;
      ++stage.deaths;
      if (restart_type(stage) == prong::RestartType::temporary) give_up(stage, *event.cause);
      break;
    case Kind::restarting: ++stage.restarts; break;
    case Kind::ready: go_on(stage); break;
    case Kind::gave_up: give_up(stage, *event.cause); break;
    default: break;
  }
}

// The rings keep what is on its way, and the new backend goes on where the dead one was.
void Pipeline::go_on(Stage& stage) {
  const std::uint64_t incarnation = stage.process->incarnation();
  if (std::exchange(stage.incarnation, incarnation) == incarnation || stage.has_ended) return;
  say(stage.name + ": pid " + std::to_string(stage.process->pid()) + " goes on behind frame " +
      std::to_string(stage.report.frames_out));
  wait_for_end(stage);
  stage.resume();
}

template <class T>
void Pipeline::expect_resumed(Stage& stage, prong::Future<T> future, std::function<void()> next) {
  std::move(future).then([this, &stage, next = std::move(next)](const prong::Result<T>& resumed) {
    if (resumed) return next();
    // A death on the way is told by its supervisor.
    if (resumed.error().remote() == nullptr && resumed.error().death() != nullptr) return;
    give_up(stage, resumed.error());
    stage.supervisor->kill();
  });
}

void Pipeline::kill_as_ordered() {
  for (KillOrder& order : options_.kills) {
    for (Stage* const stage : stages_) {
      if (stage->name != order.stage || stage->has_ended) continue;
      ask(*stage);
      if (stage->report.frames_out < order.frame) continue;
      say("killing " + stage->name + " (pid " + std::to_string(stage->process->pid()) + ") after " +
          std::to_string(stage->report.frames_out) + " frames");
      stage->process->kill();
      order.stage.clear();
    }
  }
}

// A few kills may hit what has just been started again. Then there are none until a frame has come out at the end:
// however long a restart takes, and however slow the machine is, the film is done some time.
void Pipeline::kill_at_random() {
  constexpr int most_idle_kills = 3;
  if (!next_kill_.has_passed() || stopping() || !problem_.empty()) return;
  if (sink_stage_.report.frames_out > frames_at_kill_) {
    frames_at_kill_ = sink_stage_.report.frames_out;
    idle_kills_ = 0;
  }
  if (idle_kills_ == most_idle_kills) return;
  Stage& stage = *stages_[random_() % stages_.size()];
  next_kill_ = Deadline::after(std::chrono::milliseconds{20 + random_() % 100});
  const int pid = stage.process->pid();
  if (stage.has_ended || stage.process->state() != prong::ProcessState::running || stage.killed_pid == pid) return;
  say("chaos kills " + stage.name + " (pid " + std::to_string(pid) + ")");
  stage.killed_pid = pid;
  ++idle_kills_;
  stage.process->kill();
}

void Pipeline::say(const std::string& line) {
  clear_progress();
  std::fprintf(stderr, "07_video: %s\n", line.c_str());
}

// The stages around a dead one wait for it. Whoever made a ring may take any end of it: this process ends the stream
// that the dead one fed, and takes its place as a reader away, so that nobody waits and what is on its way is kept.
void Pipeline::give_up(Stage& stage, const prong::Error& error) {
  if (std::exchange(stage.has_ended, true)) return;  // its work was done
  if (problem_.empty()) problem_ = sentence(error);
  const auto end_stream = [](prong::FrameRing& ring) -> std::uint64_t {
    auto producer = ring.producer();
    if (!producer) return 0;
    static_cast<void>(producer->finish());
    return producer->published();
  };
  const auto leave = [](prong::FrameRing& ring, std::size_t reader) {
    if (auto consumer = ring.consumer(reader)) consumer->leave();
  };
  if (&stage == &source_stage_) {
    stage.report.frames_in = stage.report.frames_out = end_stream(*frames_);
  } else if (&stage == &detector_stage_) {
    leave(*frames_, detector_reader);
    end_stream(*found_);
  } else if (&stage == &persons_stage_) {
    leave(*frames_, persons_reader);
    leave(*found_, 0);
    end_stream(*marked_);
  } else {
    leave(*frames_, sink_reader);
    leave(marked_ ? *marked_ : *found_, 0);
  }
}

// Ends the stream where it is; the stages behind the source work off what is on its way. One that does not is left
// behind, and killed by close().
void Pipeline::end_early() {
  source_->finish();
  if (run_until([this] { return whole(); }, Deadline::after(5s))) return;
  // Others may wait for the one that hangs; it is the one that has not answered for longest.
  const Stage* hanging = nullptr;
  for (const Stage* const stage : stages_)
    if (!stage->has_ended && (hanging == nullptr || stage->answered < hanging->answered)) hanging = stage;
  if (problem_.empty()) problem_ = hanging->name + ": does not answer any more";
  if (!sink_stage_.has_ended) sink_->finish("the stages before it did not end");
  run_until([this] { return sink_stage_.has_ended; }, Deadline::after(5s));
}

bool Pipeline::whole() const {
  return std::all_of(stages_.begin(), stages_.end(), [](const Stage* stage) { return stage->has_ended; });
}

void Pipeline::close() {
  clear_progress();
  MainContext::close();
}

// A line for each process, drawn over the last ones.
void Pipeline::show_progress() {
  clear_progress();
  const double elapsed = seconds(std::chrono::steady_clock::now() - started_);
  char total[32] = "";
  if (stream_.frames > 0) std::snprintf(total, sizeof total, "/%llu", static_cast<unsigned long long>(stream_.frames));
  for (const Stage* const stage : stages_) {
    const auto done = static_cast<unsigned long long>(stage->report.frames_out);
    std::fprintf(stderr, "%-10s frame %llu%s  %.0f per second", stage->name.c_str(), done, total,
                 elapsed > 0 ? static_cast<double>(done) / elapsed : 0);
    if (stage != &source_stage_)
      std::fprintf(stderr, "  %llu events  %llu lost", static_cast<unsigned long long>(stage->report.events),
                   static_cast<unsigned long long>(stage->report.frames_lost));
    std::fputs(stage->has_ended ? "  done\n" : "\n", stderr);
    ++progress_lines_;
  }
}

void Pipeline::clear_progress() {
  if (const int lines = std::exchange(progress_lines_, 0); lines > 0) std::fprintf(stderr, "\033[%dA\r\033[J", lines);
}

int Pipeline::verdict() const {
  const StageReport& source = source_stage_.report;
  bool accounted = source.frames_in == source.frames_out;
  for (const Stage* const stage : stages_)
    if (stage != &source_stage_)
      accounted = accounted && stage->report.frames_out + stage->report.frames_lost == source.frames_out;
  if (!problem_.empty() || !accounted || !whole()) return 1;
  return interrupted_ ? 128 + stop_signal() : 0;
}

void Pipeline::print_table() const {
  std::printf("\n%-10s %8s %9s %8s %8s %6s %6s %8s %9s %14s\n", "process", "pid", "messages", "in", "out", "lost",
              "deaths", "cpu s", "memory MB", "round trip us");
  std::printf("%-10s %8s %9s %8s %8s %6s %6s %8s %9s %14s\n", "", "", "", "", "", "", "", "", "peak", "p50 / p99");
  for (const Stage* const stage : stages_) {
    const prong::ProcessStatistics used = stage->process->statistics();
    char round_trip[32];
    std::snprintf(round_trip, sizeof round_trip, "%.0f / %.0f", percentile(stage->round_trips, 0.5),
                  percentile(stage->round_trips, 0.99));
    std::printf("%-10s %8d %9llu %8llu %8llu %6llu %6d %8.2f %9.1f %14s\n", stage->name.c_str(), stage->process->pid(),
                static_cast<unsigned long long>(used.messages_sent + used.messages_received),
                static_cast<unsigned long long>(stage->report.frames_in),
                static_cast<unsigned long long>(stage->report.frames_out),
                static_cast<unsigned long long>(stage->report.frames_lost), stage->deaths, seconds(used.cpu_time),
                static_cast<double>(used.memory_peak_bytes) / 1e6, round_trip);
  }
  const double elapsed = seconds(std::chrono::steady_clock::now() - started_);
  std::printf("\n");
  for (const std::string& file : sink_stage_.report.files) std::printf("wrote %s\n", file.c_str());
  const StageReport& sink = sink_stage_.report;
  const auto in = static_cast<unsigned long long>(source_stage_.report.frames_in);
  const auto out = static_cast<unsigned long long>(sink.frames_out);
  const auto lost = static_cast<unsigned long long>(sink.frames_lost);
  if (lost > 0)
    std::printf("%llu in = %llu out + %llu lost", in, out, lost);
  else
    std::printf("%llu in %s %llu out", in, in == out ? "=" : "but", out);
  std::printf(", %llu events, in %.2f s (%.0f frames per second)\n", static_cast<unsigned long long>(sink.events),
              elapsed, static_cast<double>(out) / elapsed);
}

void Pipeline::print_json(int code) const {
  nlohmann::json result;
  result["input"] = stream_.name;
  result["frames_in"] = source_stage_.report.frames_in;
  result["frames_out"] = sink_stage_.report.frames_out;
  result["frames_lost"] = sink_stage_.report.frames_lost;
  result["events"] = sink_stage_.report.events;
  result["seconds"] = seconds(std::chrono::steady_clock::now() - started_);
  result["files"] = sink_stage_.report.files;
  result["problem"] = problem_;
  result["interrupted"] = interrupted_;
  result["exit_code"] = code;
  for (const Stage* const stage : stages_) {
    const prong::ProcessStatistics used = stage->process->statistics();
    result["processes"].push_back({{"name", stage->name},
                                   {"pid", stage->process->pid()},
                                   {"messages", used.messages_sent + used.messages_received},
                                   {"frames_in", stage->report.frames_in},
                                   {"frames_out", stage->report.frames_out},
                                   {"frames_lost", stage->report.frames_lost},
                                   {"deaths", stage->deaths},
                                   {"restarts", stage->restarts},
                                   {"cpu_seconds", seconds(used.cpu_time)},
                                   {"memory_peak_bytes", used.memory_peak_bytes},
                                   {"round_trip_p50_us", percentile(stage->round_trips, 0.5)},
                                   {"round_trip_p99_us", percentile(stage->round_trips, 0.99)}});
  }
  std::printf("%s\n", result.dump(2).c_str());
}

}  // namespace example
