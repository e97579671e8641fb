// A program around its processes: a manager that hands work to workers and ends in order, whatever happens.
#include "prong/prong.hpp"

#include <iostream>
#include <map>
#include <memory>

using namespace prong::literals;
using namespace std::chrono_literals;

class Worker : public prong::MessageProcess {
 public:
  explicit Worker(std::string name) : MessageProcess{std::move(name)} {
    command<&Worker::c__factor>("factor", "number"_a);
  }
  void factor(std::int64_t number) { send_message_to_back({"factor", {{"number", number}}}); }

 private:
  void c__factor(std::int64_t number) {
    std::vector<std::int64_t> factors;
    for (std::int64_t divisor = 2; divisor * divisor <= number; ++divisor)
      for (; number % divisor == 0; number /= divisor) factors.push_back(divisor);
    if (number > 1) factors.push_back(number);
    send_out({"factors", {{"factors", factors}}});
  }
};

// [context]
class Manager : public prong::MainContext {
 private:
  void start_processes() override {
    stop_on_signals();  // Ctrl-C ends the main loop, and with it the workers
    for (const char* name : {"one", "two", "three"}) {
      workers_.push_back(std::make_unique<Worker>(name));
      Worker& worker = *workers_.back();
      manage(worker);
      on_message(worker, [this, &worker](const prong::MessageObject& message) { answered(worker, message); });
      on_end(worker, [this](const prong::Result<void>& end) {
        std::cout << "a worker ended: " << to_string(end.error()) << '\n';
        stop();
      });
      worker.start();
    }
  }

  int main_loop() override {
    for (const auto& worker : workers_) give_work(*worker);
    return MainContext::main_loop();  // until stop()
  }

  void close() override {
    MainContext::close();  // stops all workers at once
    for (const auto& [number, factors] : results_) std::cout << number << " = " << factors << '\n';
  }

  void give_work(Worker& worker) {
    if (next_ > last_) return;
    under_way_[&worker] = next_;
    worker.factor(next_++);
  }

  void answered(Worker& worker, const prong::MessageObject& message) {
    std::string text;
    for (const std::int64_t factor : message["factors"].as<std::vector<std::int64_t>>())
      text += (text.empty() ? "" : " x ") + std::to_string(factor);
    results_[under_way_[&worker]] = text;
    give_work(worker);
    if (static_cast<std::int64_t>(results_.size()) == last_ - first_ + 1) stop();
  }

  static constexpr std::int64_t first_ = 1'000'000'005;
  static constexpr std::int64_t last_ = 1'000'000'012;
  std::int64_t next_ = first_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::map<Worker*, std::int64_t> under_way_;
  std::map<std::int64_t, std::string> results_;
};
// [/context]

int main() {
  return Manager{}.run();
}
