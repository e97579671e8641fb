#include "options.hpp"

#include "person_stage.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <string_view>

namespace example {
namespace {

constexpr std::array<std::string_view, 3> stages{"source", "detector", "sink"};

// "detector@150"; an empty string is CLI11's way to say that it is right.
std::string read_kill(const std::string& text, KillOrder& order) {
  const std::size_t at = text.find('@');
  order.stage = text.substr(0, at);
  const bool is_number = at != std::string::npos && at + 1 < text.size() && text.size() - at <= 10 &&
                         text.find_first_not_of("0123456789", at + 1) == std::string::npos;
  if (!is_number || std::find(stages.begin(), stages.end(), order.stage) == stages.end())
    return "'" + text + "': source, detector or sink, an @ and a number of frames are wanted";
  order.frame = std::stoull(text.substr(at + 1));
  return {};
}

}  // namespace

int parse(int argc, char** argv, Options& options) {
  CLI::App app{
      "Finds and follows what moves in a video, with a process per stage.\n"
      "Writes OUTPUT/annotated.mp4, OUTPUT/contact-sheet.png and OUTPUT/events.jsonl.\n"
      "The exit code is 0 only if every frame is accounted for; 1 if something went wrong, 2 for wrong options,\n"
      "128 and the signal's number if one ended it. What was finished until then is kept.",
      "07_video"};
  app.add_option("-i,--input", options.input, "A video file, or the URL of a camera: rtsp://, http://, udp://, ...")
      ->required()
      ->type_name("FILE|URL");
  app.add_option("-o,--output", options.output, "The directory to write to")->capture_default_str()->type_name("DIR");
  app.add_option("--fps", options.frames_per_second, "Hand on so many frames per second; 0: as fast as it goes")
      ->check(CLI::Range(0.0, 1000.0))
      ->capture_default_str();
  app.add_option("--stall", options.stall_seconds, "Give a silent camera up after so many seconds")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  app.add_flag("--listen", options.listen, "Wait at an rtsp:// URL for the camera to call");
  if (has_person_stage()) app.add_flag("--persons", options.persons, "Tell which of the things that move are people");
  app.add_flag("--headless", options.headless, "No live lines of progress");
  app.add_flag("--json", options.json, "Print the figures as one JSON object instead of a table");
  app.add_option("--restarts", options.restarts, "Start a stage that dies again, so often; 0: end instead")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  std::vector<std::string> kills;
  app.add_option("--kill", kills, "Kill a stage (source, detector, sink) once it has handed on so many frames")
      ->type_name("STAGE@N")
      ->check([](const std::string& text) {
        KillOrder order;
        return read_kill(text, order);
      });
  app.add_option("--poison", options.poison, "Have every detector that looks at this frame crash")->type_name("N");
  app.add_option(
         "--chaos", options.chaos,
         "Kill stages at random while they work, however often they must be restarted; the same seed draws the same\n"
         "numbers")
      ->type_name("SEED");
  app.add_option("--note", options.input_note, "Where the input comes from, printed beside its name")
      ->type_name("TEXT");
  try {
    app.parse(argc, argv);
    for (const std::string& text : kills) read_kill(text, options.kills.emplace_back());
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : 2;
  }
  return -1;
}

}  // namespace example
