// The main job: people walking before a camera are found, followed, drawn and counted, by a process per stage.
#include "options.hpp"
#include "pipeline.hpp"
#include "prong/actors/video/video_source.hpp"

#include <cstdio>
#include <exception>

int main(int argc, char** argv) {
  example::Options options;
  if (const int code = example::parse(argc, argv, options); code >= 0) return code;
  try {
    example::Pipeline pipeline{options};
    return pipeline.run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "07_video: %s\n", error.what());
    return 1;
  }
}
