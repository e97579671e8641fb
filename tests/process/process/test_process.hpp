// The process that the tests of MessageProcess talk to.
#pragma once

#include "prong/process/message_process.hpp"

#include <unistd.h>
#include <csignal>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace prong::tests {

class TestProcess : public MessageProcess {
 public:
  explicit TestProcess(std::string name = "test", ProcessOptions options = {})
      : MessageProcess{std::move(name), options} {
    command<&TestProcess::c__add>("add", "a"_a, "b"_a = 10);
    command<&TestProcess::c__note>("note", "text"_a);
    command<&TestProcess::c__notes>("notes");
    command<&TestProcess::c__fail>("fail", "text"_a);
    command<&TestProcess::c__throw_number>("throw_number");
    command<&TestProcess::c__raise>("raise", "number"_a);
    command<&TestProcess::c__leave>("leave", "code"_a);
    command<&TestProcess::c__say>("say", "text"_a, "times"_a = 1);
    command<&TestProcess::c__return>("return", "text"_a);
    command<&TestProcess::c__reverse>("reverse", "bytes"_a);
    command<&TestProcess::c__pid>("pid");
    command<&TestProcess::c__hang>("hang");
    command<&TestProcess::c__ignore_terminate>("ignore_terminate");
  }

  Future<int> add(int a, int b) { return call<&TestProcess::c__add>(a, b); }
  Future<int> add(int a) { return call<&TestProcess::c__add>(a); }
  Future<int> add_until(int a, int b, Deadline deadline) { return call<&TestProcess::c__add>(a, b, deadline); }
  Future<void> note(std::string text) { return call<&TestProcess::c__note>(std::move(text)); }
  Future<std::vector<std::string>> notes() { return call<&TestProcess::c__notes>(); }
  Future<void> fail(std::string text) { return call<&TestProcess::c__fail>(std::move(text)); }
  Future<void> throw_number() { return call<&TestProcess::c__throw_number>(); }
  Future<void> raise(int number) { return call<&TestProcess::c__raise>(number); }
  Future<void> leave(int code) { return call<&TestProcess::c__leave>(code); }
  Future<std::vector<std::uint8_t>> reverse(const std::vector<std::uint8_t>& bytes) {
    return call<&TestProcess::c__reverse>(bytes, Deadline::after(std::chrono::seconds{20}));
  }
  Future<int> backend_pid() { return call<&TestProcess::c__pid>(); }
  Future<void> hang(Deadline deadline) { return call<&TestProcess::c__hang>(deadline); }
  Future<void> call_say(std::string text, int times) { return call<&TestProcess::c__say>(std::move(text), times); }
  Future<void> ignore_terminate() { return call<&TestProcess::c__ignore_terminate>(); }

 private:
  int c__add(int a, int b) { return a + b; }
  void c__note(const std::string& text) { notes_.push_back(text); }
  std::vector<std::string> c__notes() const { return notes_; }
  void c__fail(const std::string& text) { throw std::invalid_argument{text}; }
  void c__throw_number() { throw 42; }
  void c__raise(int number) { ::raise(number); }
  void c__leave(int code) { ::_exit(code); }
  void c__say(const std::string& text, int times) {
    for (int i = 0; i < times; ++i) send_out({"said", {{"text", text}, {"number", i}}});
  }
  void c__return(const std::string& text) { return_out({"returned", {{"text", text}}}); }
  std::vector<std::uint8_t> c__reverse(std::vector<std::uint8_t> bytes) { return {bytes.rbegin(), bytes.rend()}; }
  int c__pid() { return ::getpid(); }
  void c__hang() {
    for (;;) ::pause();
  }
  void c__ignore_terminate() { ::signal(SIGTERM, SIG_IGN); }

  std::vector<std::string> notes_;
};

}  // namespace prong::tests
