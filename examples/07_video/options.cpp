#include "options.hpp"

#include "person_stage.hpp"

#include <CLI/CLI.hpp>

namespace example {

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
  app.add_option("--note", options.input_note, "Where the input comes from, printed beside its name")
      ->type_name("TEXT");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : 2;
  }
  return -1;
}

}  // namespace example
