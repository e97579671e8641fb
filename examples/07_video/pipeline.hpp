// The program around the stages.
#pragma once

#include "options.hpp"
#include "person_stage.hpp"
#include "prong/actors/video/motion_detector_process.hpp"
#include "prong/actors/video/video_sink.hpp"
#include "prong/actors/video/video_source.hpp"
#include "prong/prong.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace example {

/// Source -> frames -> detector and sink; detector -> detections -> sink. With --persons another stage stands between
/// detector and sink: it reads frames and detections, and hands these on with the people marked. The main process moves
/// no pixel: it starts the stages, shows how far they are, and ends them in order.
class Pipeline : public prong::MainContext {
 public:
  explicit Pipeline(Options options);

 private:
  /// One stage, as the main process sees it.
  struct Stage {
    std::string name;
    prong::MessageProcess* process = nullptr;
    std::function<prong::Future<prong::video::StageReport>()> ask;
    std::optional<prong::ReservedEvent> ended;
    std::function<void()> resume;  // has a backend that took the place of a dead one go on
    std::unique_ptr<prong::Supervisor> supervisor;
    std::uint64_t incarnation = 0;  // of the backend that was told what to do
    bool has_ended = false;
    int killed_pid = 0;  // by chaos
    std::chrono::steady_clock::time_point answered;
    int deaths = 0;
    int restarts = 0;
    prong::video::StageReport report;
    std::vector<std::chrono::nanoseconds> round_trips;
  };

  void start_processes() override;
  int main_loop() override;
  void close() override;

  [[nodiscard]] std::chrono::nanoseconds stall_limit() const;
  [[nodiscard]] prong::video::SourceOptions source_options() const;
  void make_rings(const prong::video::StreamSummary& stream);
  template <class Reporting>
  void manage_stage(Stage& stage, prong::MessageProcess& process, Reporting& reporting);
  bool begin();
  template <class T>
  prong::Result<T> answer(prong::Future<T> future);
  void wait_for_end(Stage& stage);
  void ask(Stage& stage);
  void tick();
  void supervise(Stage& stage);
  [[nodiscard]] prong::RestartType restart_type(const Stage& stage) const;
  void note(Stage& stage, const prong::SupervisionEvent& event);
  void go_on(Stage& stage);
  void give_up(Stage& stage, const prong::Error& error);
  template <class T>
  void expect_resumed(Stage& stage, prong::Future<T> future, std::function<void()> next);
  [[nodiscard]] prong::video::SinkOptions sink_options() const;
  [[nodiscard]] prong::video::DetectorOptions detector_options() const;
  void kill_as_ordered();
  void kill_at_random();
  void say(const std::string& line);
  void end_early();
  void show_progress();
  void clear_progress();
  [[nodiscard]] int verdict() const;
  void print_table() const;
  void print_json(int code) const;
  [[nodiscard]] bool whole() const;

  Options options_;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  prong::video::StreamSummary stream_;
  prong::EventGroup events_{8, prong::EventKind::descriptor};
  std::unique_ptr<prong::FrameRing> frames_;
  std::unique_ptr<prong::FrameRing> found_;
  std::unique_ptr<prong::FrameRing> marked_;  // only with --persons
  std::unique_ptr<prong::video::VideoSource> source_;
  std::unique_ptr<prong::video::MotionDetectorProcess> detector_;
  std::unique_ptr<PersonStage> persons_;  // only with --persons
  std::unique_ptr<prong::video::VideoSink> sink_;
  Stage source_stage_;
  Stage detector_stage_;
  Stage persons_stage_;
  Stage sink_stage_;
  std::vector<Stage*> stages_;
  prong::Supervisor supervisor_{{.name = "pipeline", .order = prong::Order::together}, loop()};
  std::string problem_;
  bool interrupted_ = false;
  std::mt19937_64 random_;
  prong::Deadline next_kill_ = prong::Deadline::never();
  int idle_kills_ = 0;                // since the sink was last seen to have written more
  std::uint64_t frames_at_kill_ = 0;  // that it had written then
  bool over_ = false;
  int progress_lines_ = 0;
};

}  // namespace example
