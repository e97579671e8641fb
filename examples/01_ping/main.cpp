// The first steps: a class with a frontend and a backend, a command, and what comes back.
#include "prong/prong.hpp"

#include <iostream>

using namespace prong::literals;
using namespace std::chrono_literals;

// [class]
class MyProcess : public prong::MessageProcess {
 public:
  explicit MyProcess(std::string name) : MessageProcess{std::move(name)} {
    command<&MyProcess::c__my_stuff>("my_stuff", "parameter"_a);
    command<&MyProcess::c__square>("square", "number"_a);
  }

  // Frontend: runs in the main process.
  void my_stuff(std::string parameter) { send_message_to_back({"my_stuff", {{"parameter", std::move(parameter)}}}); }
  prong::Future<double> square(double number) { return call<&MyProcess::c__square>(number); }

 private:
  // Backend: runs in the process forked for this object.
  void c__my_stuff(const std::string& parameter) {
    send_out({"regards", {{"text", "from the other side of the fork, with parameter " + parameter}}});
  }
  double c__square(double number) { return number * number; }
};
// [/class]

int main() {
  // [use]
  MyProcess process{"my-process"};
  process.start();

  process.my_stuff("gotcha!");
  const prong::MessageObject message = process.pipe().receive(prong::Deadline::after(5s)).value();
  std::cout << message() << ": " << message["text"].as<std::string>() << '\n';

  std::cout << "12 squared is " << process.square(12).get() << '\n';

  process.send_ping({1, 2, 3});
  std::cout << to_string(process.pipe().receive(prong::Deadline::after(5s)).value()) << '\n';

  const auto stopped = process.stop();
  std::cout << (stopped ? "stopped" : to_string(stopped.error())) << '\n';
  // [/use]
  return stopped ? 0 : 1;
}
