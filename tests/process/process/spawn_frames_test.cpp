// Frames in memory that was made when the program had been running for long, full of threads, and its snapshot was old.
#include "prong/process/spawn_form.hpp"

#include "frame_pattern.hpp"
#include "process_test.hpp"
#include "prong/context/main_context.hpp"
#include "prong/frame/frame_ring.hpp"
#include "prong/process/fork_server.hpp"
#include "prong/process/spawn.hpp"

#include <unistd.h>

#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

namespace prong {
namespace {

using namespace std::chrono_literals;

Deadline soon() {
  return Deadline::after(20s);
}

// A program that has threads, and no process yet.
class Program : public MainContext {
 public:
  Program() { run_as_thread(); }
  ~Program() override { EXPECT_EQ(stop_thread(), 0); }

 protected:
  void start_processes() override {}
  void start_threads() override {
    for (int i = 0; i < 6; ++i)
      threads_.emplace_back([](const std::stop_token& stop) {
        while (!stop.stop_requested()) std::this_thread::sleep_for(1ms);
      });
  }

 private:
  std::vector<std::jthread> threads_;
};

class Source : public MessageProcess {
 public:
  explicit Source(FrameRing ring) : MessageProcess{"source"}, ring_{std::move(ring)} {
    command<&Source::c__fill>("fill", "count"_a);
  }
  Future<std::uint64_t> fill(int count) { return call<&Source::c__fill>(count, soon()); }

 private:
  void pre_run() override { producer_.emplace(ring_.producer().value()); }
  std::uint64_t c__fill(int count) {
    for (int i = 0; i < count; ++i) {
      auto writer = producer_->acquire(soon()).value();
      static_cast<void>(writer.publish(tests::fill_pattern(writer.bytes(), producer_->published() + 1)).value());
    }
    return producer_->published();
  }

  FrameRing ring_;
  std::optional<FrameProducer> producer_;
};

class Sink : public MessageProcess {
 public:
  Sink(std::string name, FrameRing ring, std::size_t reader)
      : MessageProcess{std::move(name)}, ring_{std::move(ring)}, reader_{reader} {
    command<&Sink::c__read>("read", "count"_a);
    command<&Sink::c__hold>("hold");
  }
  Future<std::uint64_t> read(int count) { return call<&Sink::c__read>(count, soon()); }
  Future<std::uint64_t> hold() { return call<&Sink::c__hold>(soon()); }

 private:
  void pre_run() override { consumer_.emplace(ring_.consumer(reader_).value()); }
  // Returns the sequence of the last one.
  std::uint64_t c__read(int count) {
    std::uint64_t last = 0;
    for (int i = 0; i < count; ++i) {
      const auto frame = consumer_->next(soon()).value();
      last = frame.meta().sequence;
      if (!tests::has_pattern(frame.bytes(), last)) throw std::runtime_error{"a torn frame"};
    }
    return last;
  }
  std::uint64_t c__hold() {
    held_.emplace(consumer_->next(soon()).value());
    return held_->meta().sequence;
  }

  FrameRing ring_;
  std::size_t reader_;
  std::optional<FrameConsumer> consumer_;
  std::optional<FrameLease> held_;
};

class PoolSource : public MessageProcess {
 public:
  PoolSource(int first, FramePool pool) : MessageProcess{"pool source"}, first_{first}, pool_{std::move(pool)} {
    command<&PoolSource::c__frame>("frame");
  }
  Future<FrameHandle> frame() { return call<&PoolSource::c__frame>(soon()); }

 private:
  FrameHandle c__frame() {
    if (!producer_) producer_.emplace(pool_.producer().value());
    auto writer = producer_->acquire(soon()).value();
    const FrameMeta meta = tests::fill_pattern(writer.bytes(), static_cast<std::uint64_t>(first_));
    kept_.emplace(writer.publish_and_keep(meta).value());
    return kept_->handle();
  }

  int first_;
  FramePool pool_;
  std::optional<FrameProducer> producer_;
  std::optional<FrameLease> kept_;
};

using SpawnFrames = tests::ProcessTest;

TEST_F(SpawnFrames, ring_that_was_made_late_connects_processes_that_were_spawned) {
  Program program;
  const FrameRing ring{{.name = "late", .slots = 5, .slot_bytes = 100'000, .readers = 2}};
  const auto source = spawn<Source>(ring);
  const auto first = spawn<Sink>("first", ring, std::size_t{0});
  const auto second = spawn<Sink>("second", ring, std::size_t{1});

  auto filled = source->fill(200);
  auto read_first = first->read(200);
  auto read_second = second->read(200);

  EXPECT_EQ(filled.get(), 200U);
  EXPECT_EQ(read_first.get(), 200U);
  EXPECT_EQ(read_second.get(), 200U);
  const FrameRingStatistics statistics = ring.statistics().value();
  EXPECT_EQ(statistics.published, 200U);
  for (const auto& reader : statistics.readers) EXPECT_EQ(reader.delivered, 200U);
  EXPECT_FALSE(ring.producer()) << "a process has this end";
  EXPECT_TRUE(source->stop(soon()));
  EXPECT_TRUE(first->stop(soon()));
  EXPECT_TRUE(second->stop(soon()));
}

TEST_F(SpawnFrames, successor_goes_on_where_the_dead_one_was_though_the_program_has_let_go_of_the_ring) {
  Program program;
  std::unique_ptr<Source> source;
  std::unique_ptr<Sink> sink;
  {
    const FrameRing ring{{.name = "late", .slots = 8, .slot_bytes = 4096}};
    source = spawn<Source>(ring);
    sink = spawn<Sink>("sink", ring, std::size_t{0});
  }
  EXPECT_EQ(source->fill(6).get(), 6U);
  EXPECT_EQ(sink->read(2).get(), 2U);
  EXPECT_EQ(sink->hold().get(), 3U);
  sink->kill();
  ASSERT_FALSE(sink->wait_stop(soon()));
  ASSERT_TRUE(sink->restart(soon()));

  EXPECT_EQ(sink->read(1).get(), 3U) << "what it held is delivered again";
  EXPECT_EQ(sink->read(3).get(), 6U);
  source->kill();
  ASSERT_FALSE(source->wait_stop(soon()));
  ASSERT_TRUE(source->restart(soon()));
  EXPECT_EQ(source->fill(1).get(), 7U);
  EXPECT_EQ(sink->read(1).get(), 7U);
}

TEST_F(SpawnFrames, program_itself_may_have_an_end) {
  Program program;
  const FrameRing ring{{.name = "late", .slots = 5, .slot_bytes = 4096}};
  FrameConsumer consumer = ring.consumer().value();
  const auto source = spawn<Source>(ring);

  auto filled = source->fill(50);
  for (std::uint64_t number = 1; number <= 50; ++number) {
    const FrameLease frame = consumer.next(*source, soon()).value();
    EXPECT_EQ(frame.meta().sequence, number);
    EXPECT_TRUE(tests::has_pattern(frame.bytes(), number));
  }
  EXPECT_EQ(filled.get(), 50U);
}

TEST_F(SpawnFrames, handles_into_a_pool_that_was_made_late_are_resolved) {
  Program program;
  const FramePool pool{{.name = "late", .slots = 3, .slot_bytes = 4096}};
  const auto source = spawn<PoolSource>(77, pool);

  const FrameHandle handle = source->frame().get();

  const FrameView view = pool.resolve(handle).value();
  EXPECT_TRUE(tests::has_pattern(view.bytes(), 77));
}

TEST_F(SpawnFrames, ticket_that_does_not_fit_its_descriptors_opens_nothing) {
  using frame::detail::FrameTicket;
  using frame::detail::FrameTravel;
  const FrameRing ring{{.name = "ring", .slots = 4, .slot_bytes = 4096}};
  const FrameTicket good = FrameTravel::ticket_of(ring).value();
  const auto open = [&](auto change) {
    FrameTicket ticket = good;
    for (auto& number : ticket.memories) number = ::dup(number);
    for (auto& number : ticket.bells) number = ::dup(number);
    const FrameTicket given = ticket;
    change(ticket);
    const auto opened = FrameTravel::open_ring(ticket);
    // What was refused may have been closed or not: this test closes what is left.
    for (const int number : given.memories) ::close(number);
    for (const int number : given.bells) ::close(number);
    return opened ? Errc::stopped : opened.error().code();
  };

  EXPECT_EQ(open([](FrameTicket& ticket) { ticket.slots = 0; }), Errc::bad_message);
  EXPECT_EQ(open([](FrameTicket& ticket) { ticket.slots = 65'536; }), Errc::bad_message);
  EXPECT_EQ(open([](FrameTicket& ticket) { ticket.slots = 65'535; }), Errc::bad_message);
  EXPECT_EQ(open([](FrameTicket& ticket) { ticket.slot_bytes = std::uint64_t{1} << 63; }), Errc::bad_message);
  EXPECT_EQ(open([](FrameTicket& ticket) { ticket.readers = 0; }), Errc::bad_message);
  EXPECT_EQ(open([](FrameTicket& ticket) { ticket.readers = 2; }), Errc::bad_message);
  EXPECT_EQ(open([](FrameTicket& ticket) { ticket.bells.clear(); }), Errc::bad_message);
}

}  // namespace
}  // namespace prong
