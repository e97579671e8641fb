// Request and reply by an event made before the fork: the backend sets what the frontend waits for.
#include "prong/prong.hpp"

#include <iostream>

using namespace prong::literals;
using namespace std::chrono_literals;

// [class]
class Worker : public prong::MessageProcess {
 public:
  Worker() : MessageProcess{"worker"} { command<&Worker::c__work>("work", "rounds"_a, "event_index"_a); }

  prong::Result<void> work(int rounds) {
    prong::SyncIndex sync{events_, *this};  // takes one of the ten events
    send_message_to_back({"work", {{"rounds", rounds}, {"event_index", sync.index()}}});
    return sync.wait(prong::Deadline::after(5s));  // ends with the event, the deadline or the backend's death
  }                                                // gives the event back

 private:
  void c__work(int rounds, prong::EventIndex event_index) {
    if (rounds < 0) std::abort();
    send_out({"worked", {{"rounds", rounds}}});
    events_.set(event_index);
  }

  prong::EventGroup events_{10};
};
// [/class]

int main() {
  Worker worker;
  worker.start();

  for (const int rounds : {1, 2, 3}) {
    const auto done = worker.work(rounds);
    const auto message = worker.pipe().receive(prong::Deadline::now());  // it is there: the event came after it
    std::cout << (done && message ? to_string(*message) : "not done") << '\n';
  }

  // A backend that dies ends the wait at once.
  const auto died = worker.work(-1);
  std::cout << (died ? "done" : name_of(died.error().code())) << '\n';
}
