// A backend that crashes, throws where nobody may, and hangs: what its caller is told, and the report for people.
//
// 13_crash_report [fault] [exception] [hang]: the ends to bring about, in this order; without any, the last two. The
// reports go to the standard error output.
#include "prong/prong.hpp"

#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

using namespace prong::literals;
using namespace std::chrono_literals;
using prong::Deadline;

// A decoder of pictures that should never have been let loose on real ones. Kept from the optimiser, so that the stacks
// show each step.
struct Picture {
  std::string name;
  const int* palette = nullptr;
};

[[gnu::noinline]] int read_pixel(const Picture& picture, int index) {
  return picture.palette[index];
}

[[gnu::noinline]] int read_header(const Picture& picture) noexcept {
  return picture.name.at(100);  // throws where the name is shorter, and nothing may be thrown from here
}

[[gnu::noinline]] int find_marker(const std::vector<int>& bytes) {
  std::size_t at = 0;
  while (bytes[at % bytes.size()] != 0xff) at += 2;  // it is at an odd place
  return static_cast<int>(at);
}

// [process]
class Decoder : public prong::MessageProcess {
 public:
  Decoder() : MessageProcess{"decoder", {.when_late = prong::LatePolicy::kill, .limits = {.core_bytes = 0}}} {
    command<&Decoder::c__decode>("decode", "picture"_a);
  }
  prong::Future<int> decode(const std::string& picture) {
    return call<&Decoder::c__decode>(picture, Deadline::after(picture == "hang" ? 1s : 20s));
  }
  // [/process]

 private:
  int c__decode(const std::string& picture) {
    if (picture == "fault") return read_pixel({picture}, 4);
    if (picture == "exception") return read_header({picture});
    return find_marker({1, 0xff, 2, 3});
  }
};

void show(const prong::Error& death) {
  // [report]
  if (const prong::CrashReport* const report = death.crash_report()) {
    std::cerr << to_string(*report) << '\n';
    if (const prong::StackFrame* const frame = own_frame(*report))
      std::cout << "look first at: " << frame->function.substr(0, frame->function.find('(')) << '\n';
  }
  // [/report]
}

void decode(Decoder& decoder, const std::string& picture) {
  std::cout << "== " << picture << '\n';
  // [catch]
  try {
    std::cout << decoder.decode(picture).get() << '\n';
  } catch (const prong::ProcessExpired& expired) {
    std::cout << "cause: " << name_of(expired.cause()) << ", while it ran '" << expired.command() << "'\n";
    show(expired.error());
  } catch (const prong::DeadlineExceeded& late) {
    std::cout << "no answer in time, " << (late.may_have_run() ? "it may have run\n" : "it never ran\n");
  }
  // [/catch]
  // The caller of a handler that hangs has been told by now; the backend's end comes a little later.
  const prong::Result<void> ended = decoder.wait_stop(Deadline::after(10s));
  if (!ended && picture == "hang") {
    std::cout << "cause: " << name_of(ended.error().death()->cause) << '\n';
    show(ended.error());
  }
}

int main(int argc, char** argv) {
  std::vector<std::string> pictures{argv + 1, argv + argc};
  if (pictures.empty()) pictures = {"exception", "hang"};
  Decoder decoder;
  decoder.start();
  for (const std::string& picture : pictures) {
    if (decoder.state() == prong::ProcessState::ended) decoder.restart(Deadline::after(5s)).value();
    decode(decoder, picture);
  }
  return EXIT_SUCCESS;
}
