// How calls end: with a value, with what the handler threw, at a deadline, by a cancel, and with the backend's death.
#include "prong/prong.hpp"

#include <cstdlib>
#include <iostream>

using namespace prong::literals;
using namespace std::chrono_literals;
using prong::Deadline;

// [exception]
class NoSignal : public std::runtime_error {
 public:
  explicit NoSignal(const std::string& what, int sensor_number = 0) : std::runtime_error{what}, sensor{sensor_number} {}
  template <class Archive>
  void serialize(Archive& archive) {
    archive(sensor);  // travels besides what()
  }

  int sensor;
};
// [/exception]

class Surveyor : public prong::MessageProcess {
 public:
  Surveyor() : MessageProcess{"surveyor"} {
    command<&Surveyor::c__measure>("measure", "sensor"_a);
    command<&Surveyor::c__survey>("survey");
    command<&Surveyor::c__crash>("crash");
  }
  // [calls]
  prong::Future<double> measure(int sensor) { return call<&Surveyor::c__measure>(sensor); }  // 5 s: the default
  prong::Future<double> measure(int sensor, Deadline deadline) { return call<&Surveyor::c__measure>(sensor, deadline); }
  prong::Future<int> survey() { return call<&Surveyor::c__survey>(Deadline::never()); }
  // [/calls]
  prong::Future<void> crash() { return call<&Surveyor::c__crash>(); }

 private:
  double c__measure(int sensor) {
    if (sensor == 7) throw NoSignal{"nothing is heard", sensor};
    return 0.5 * sensor;
  }
  // [handler]
  int c__survey() {
    send_out({"begun"});
    for (int places = 0;; ++places) {
      throw_if_cancelled();  // or: if (cancelled()) return places;
      visit(places);
    }
  }
  // [/handler]
  void visit(int place) { last_place_ = place; }
  void c__crash() { std::_Exit(1); }

  int last_place_ = 0;
};

void tell(const char* call, const prong::Error& error) {
  std::cout << call << ": " << name_of(error.outcome()) << (error.may_have_run() ? "\n" : ", never ran\n");
}

// [retry]
double measure_surely(Surveyor& surveyor, int sensor) {
  for (int attempt = 1;; ++attempt) {
    const prong::Result<double> result = surveyor.measure(sensor).result();
    if (result) return *result;
    const prong::Error& error = result.error();
    if (error.may_have_run() || attempt == 3) prong::throw_error(error);
    if (error.death() != nullptr) surveyor.restart(Deadline::after(1s)).value();
  }
}
// [/retry]

int main() {
  prong::register_exception<NoSignal>();
  Surveyor surveyor;
  surveyor.start();
  std::cout << "sensor 3: " << surveyor.measure(3).get() << '\n';

  // [catch]
  try {
    surveyor.measure(7).get();
  } catch (const NoSignal& no_signal) {
    const auto origin = prong::origin_of(no_signal);
    std::cout << "sensor " << no_signal.sensor << ": " << no_signal.what() << ", says '" << origin->command << "' in "
              << origin->process << '\n';
  }
  // [/catch]

  // [deadline]
  prong::Future<int> survey = surveyor.survey();                          // runs until somebody cancels it
  static_cast<void>(surveyor.pipe().receive(Deadline::after(5s)));        // it has begun
  const auto late = surveyor.measure(3, Deadline::after(10ms)).result();  // waits behind it, in vain
  tell("measure behind a survey", late.error());
  // [/deadline]

  // [cancel]
  prong::Future<double> queued = surveyor.measure(3);
  queued.cancel();  // ends at once: it had not begun, and never will
  tell("measure that was cancelled", queued.result().error());

  survey.cancel();  // a request: the handler sees it and decides
  tell("survey that was cancelled", survey.result().error());
  // [/cancel]

  prong::Future<void> crash = surveyor.crash();
  prong::Future<double> behind = surveyor.measure(3);
  tell("crash", crash.result().error());
  tell("measure behind a crash", behind.result().error());
  std::cout << "sensor 3, surely: " << measure_surely(surveyor, 3) << '\n';
}
