// A backend of coroutines: commands that wait beside each other, cancels that reach them, a tree of actors, and an end
// at which nothing is left behind.
#include "prong/asio.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>

#include <iostream>
#include <map>

using namespace prong::literals;
using namespace std::chrono_literals;
using namespace boost::asio::experimental::awaitable_operators;
using boost::asio::awaitable;
using prong::Deadline;

// [actors]
// Squares what it is told, and says goodbye.
class Worker : public prong::TaskThread {
 public:
  Worker() : TaskThread{"worker", {.input_limit = 10}} {}

 private:
  awaitable<void> from_parent(prong::MessageObject message) override {
    const int number = message["number"].as<int>();
    co_await send_to_parent(prong::MessageObject{"squared"}.set("number", number * number));
  }
  awaitable<void> exit() override { co_await send_to_parent(prong::MessageObject{"worker has left"}); }
};

// Hands numbers to its workers in turn, and their answers up.
class Team : public prong::TaskThread {
 public:
  Team() : TaskThread{"team"} {}

 private:
  awaitable<void> enter() override {
    for (auto& worker : workers_) worker = &add_child<Worker>();
    co_return;
  }
  awaitable<void> from_parent(prong::MessageObject message) override {
    co_await send_to_child(*workers_[next_++ % 2], std::move(message));
  }
  awaitable<void> from_child(TaskThread&, prong::MessageObject message) override {
    co_await send_to_parent(std::move(message));
  }

  std::size_t next_ = 0;
  Worker* workers_[2]{};
};
// [/actors]

// [class]
class Station : public prong::AsyncBackMessageProcess {
 public:
  Station() : AsyncBackMessageProcess{"station"} {
    command<&Station::c__feed>("feed", "sensor"_a, "value"_a);             // in order, as all commands by default
    command<&Station::c__read>("read", prong::Concurrent{8}, "sensor"_a);  // up to eight at a time, beside the others
    command<&Station::c__square>("square", "number"_a);
    command<&Station::c__watch>("watch");
  }

  // Frontend
  prong::Future<void> feed(std::string sensor, int value) { return call<&Station::c__feed>(std::move(sensor), value); }
  prong::Future<int> read(std::string sensor) { return call<&Station::c__read>(std::move(sensor), Deadline::never()); }
  prong::Future<int> square(int number) { return call<&Station::c__square>(number); }
  prong::Future<void> watch() { return call<&Station::c__watch>(); }

 private:
  // Backend
  awaitable<void> async_pre() override {  // after pre_run(), before the first command
    create_task("team", team_.run());
    co_return;
  }
  void c__feed(const std::string& sensor, int value) {  // a plain handler may stand beside coroutines
    auto& queue = queues_[sensor];
    static_cast<void>(queue.try_put(value));
  }
  awaitable<int> c__read(std::string sensor) {
    try {
      co_return *co_await queues_[sensor].take(Deadline::never());  // nothing else is held up
    } catch (const boost::system::system_error&) {                  // the caller has cancelled
      send_out({"given up", {{"sensor", sensor}}});
      throw;
    }
  }
  awaitable<int> c__square(int number) {
    co_await team_.send(prong::MessageObject{"square"}.set("number", number), Deadline::after(1s));
    const prong::MessageObject squared = co_await team_.receive(Deadline::after(1s));
    co_return squared["number"].as<int>();
  }
  awaitable<void> c__watch() {  // begins a task; what it throws is logged, and here the frontend is told, too
    create_task("watch", exclogmsg("watch", 1, watch_for_ever()));
    co_return;
  }
  awaitable<void> watch_for_ever() {
    const std::optional<int> value = co_await queues_["x"].take(Deadline::never());
    throw std::runtime_error{"sensor x said " + std::to_string(*value)};
  }
  awaitable<void> async_post() override {  // after all commands and tasks; what it sends arrives
    for (int worker = 0; worker < 2; ++worker) {
      const prong::MessageObject goodbye = co_await team_.receive(Deadline::now());
      co_await async_send_out(goodbye);
    }
    const prong::MessageObject closed{"station closed"};
    co_await async_send_out(closed);
  }

  struct Queue : prong::AsyncQueue<int> {
    Queue() : AsyncQueue{16} {}
  };
  std::map<std::string, Queue> queues_;
  Team team_;
};
// [/class]

void tell(const std::string& what) {
  std::cout << what << '\n';
}

int main() {
  Station station;
  station.start();

  // [beside]
  prong::Future<int> north = station.read("north");  // both wait in the backend,
  prong::Future<int> south = station.read("south");
  station.feed("south", 7).get();  // and hold nothing up
  tell("south: " + std::to_string(south.get()));
  // [/beside]

  // [cancel]
  north.cancel();  // reaches the coroutine where it waits
  tell("north: " + std::string{name_of(north.result().error().outcome())});
  tell(to_string(station.pipe().receive(Deadline::after(5s)).value()));
  // [/cancel]

  station.watch().get();
  station.feed("x", 13).get();
  tell(to_string(station.pipe().receive(Deadline::after(5s)).value()));

  // [await]
  boost::asio::io_context context;  // the frontend's own; while it runs, it reads for the processes attached to it
  prong::IoContextReader reader{context};
  reader.attach(station);
  const auto talk = [&]() -> awaitable<void> {
    for (const int number : {3, 4}) tell("squared: " + std::to_string(co_await async_get(station.square(number))));
    const auto [east, west] = co_await (async_get(station.read("east")) && [&]() -> awaitable<int> {
      co_await async_get(station.feed("east", 1));
      co_await async_get(station.feed("west", 2));
      co_return co_await async_get(station.read("west"));
    }());
    tell("east and west: " + std::to_string(east) + ", " + std::to_string(west));
  };
  boost::asio::co_spawn(context, talk(), [](std::exception_ptr thrown) {
    if (thrown) std::rethrow_exception(thrown);
  });
  context.run();
  // [/await]
  reader.detach(station);

  const auto stopped = station.stop();
  while (const auto last = station.pipe().receive(Deadline::after(5s))) tell(to_string(*last));
  tell(stopped ? "stopped" : to_string(stopped.error()));
  return stopped ? 0 : 1;
}
