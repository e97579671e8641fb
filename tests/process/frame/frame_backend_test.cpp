// Frames in the hands of a MessageProcess: what users build.

#include "frame_pattern.hpp"
#include "process_test.hpp"
#include "prong/frame/frame_ring.hpp"
#include "prong/process/message_process.hpp"

#include <optional>

namespace prong {
namespace {

using namespace std::chrono_literals;
using tests::fill_pattern;
using tests::has_pattern;

constexpr auto soon = 20s;  // Longer than anything here takes; a hang ends the test.

// Reads a ring in its loop, beside its commands, and looks at frames that it is asked about.
class FrameReader : public MessageProcess {
 public:
  explicit FrameReader(const FrameRing& ring) : MessageProcess{"reader"}, ring_{ring} {
    command<&FrameReader::c__good>("good");
    command<&FrameReader::c__number>("number", "frame"_a);
  }
  Future<std::uint64_t> good() { return call<&FrameReader::c__good>(); }
  Future<std::int64_t> number(FrameHandle frame) { return call<&FrameReader::c__number>(frame); }

 private:
  void pre_run() override {
    consumer_ = ring_.consumer().value();
    watch(consumer_->descriptor(), [this] {
      while (const auto lease = consumer_->next(Deadline::now()))
        if (has_pattern(lease->bytes(), lease->sequence())) ++good_;
    });
  }
  std::uint64_t c__good() { return good_; }
  std::int64_t c__number(FrameHandle frame) {
    const auto view = ring_.pool().resolve(frame);
    if (!view) throw_error(view.error());
    return view->meta().source_time / 1ms;
  }

  const FrameRing& ring_;
  std::optional<FrameConsumer> consumer_;
  std::uint64_t good_ = 0;
};

class FrameBackend : public tests::ProcessTest {};

TEST_F(FrameBackend, reads_a_ring_in_its_loop_and_answers_calls_meanwhile) {
  constexpr std::uint64_t frames = 500;
  const FrameRing ring{{.slots = 4, .slot_bytes = 4096}};
  FrameReader reader{ring};
  reader.start();
  auto producer = ring.producer().value();

  for (std::uint64_t i = 1; i <= frames; ++i) {
    auto writer = producer.acquire(reader, Deadline::after(soon)).value();
    const FrameMeta meta = fill_pattern(writer.bytes(), i);
    const auto lease = writer.publish_and_keep(meta).value();
    ASSERT_LE(reader.good().get(), i);
    ASSERT_EQ(reader.number(lease.handle()).get(), static_cast<std::int64_t>(i));
  }

  // The command may overtake the last frames: they are not on the same way.
  const auto deadline = Deadline::after(soon);
  while (reader.good().get() < frames && !deadline.has_passed()) {
  }
  EXPECT_EQ(reader.good().get(), frames);
  EXPECT_TRUE(reader.stop());
}

TEST_F(FrameBackend, death_ends_the_wait_of_the_producer_and_a_new_backend_goes_on) {
  const FrameRing ring{{.slots = 2, .slot_bytes = 4096}};
  auto producer = ring.producer().value();
  const auto put = [&](Peer& peer) -> Result<std::uint64_t> {
    PRONG_TRY_ASSIGN(auto writer, producer.acquire(peer, Deadline::after(soon)));
    return writer.publish(fill_pattern(writer.bytes(), producer.published() + 1));
  };
  {
    FrameReader first{ring};
    first.start();
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(put(first));
    first.kill();
    auto last = put(first);
    while (last) last = put(first);
    EXPECT_EQ(last.error().code(), Errc::process_expired);
  }

  FrameReader second{ring};
  second.start();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(put(second));

  EXPECT_EQ(ring.statistics().value().readers[0].dropped, 0U);
  EXPECT_TRUE(second.stop());
}

}  // namespace
}  // namespace prong
