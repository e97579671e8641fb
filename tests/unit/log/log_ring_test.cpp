#include "prong/log/log_ring.hpp"

#include "log_capture.hpp"
#include "log_ring_memory.hpp"
#include "prong/log/detail/log_ring_writer.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

namespace prong {
namespace {

using log::detail::LogRecordHeader;
using log::detail::LogRingMemory;
using log::detail::LogRingWriter;
using namespace std::chrono_literals;

const std::chrono::system_clock::time_point some_time{123'456'789s};

LogRecord record_of(std::string_view text, LogLevel level = LogLevel::info) {
  return {.time = some_time, .level = level, .pid = 77, .logger = "Detector.left", .text = text};
}

// Both ends of one ring in one process.
class LogRingTest : public ::testing::Test {
 protected:
  std::vector<std::string> drain_texts() {
    std::vector<std::string> texts;
    last = ring.drain([&](const LogRecord& record) { texts.emplace_back(record.text); });
    return texts;
  }
  void start_writer() { writer.emplace(memory); }

  LogRing ring = LogRing::create("left", 16 * 1024).value();
  LogRingMemory memory = tests::log_ring_memory();
  std::optional<LogRingWriter> writer{std::in_place, memory};
  Result<std::size_t> last{std::size_t{0}};
};

TEST_F(LogRingTest, keeps_every_field) {
  writer->write(record_of("one", LogLevel::error));
  int count = 0;

  const auto drained = ring.drain([&](const LogRecord& record) {
    ++count;
    EXPECT_EQ(record.time, some_time);
    EXPECT_EQ(record.level, LogLevel::error);
    EXPECT_EQ(record.pid, 77);
    EXPECT_EQ(record.logger, "Detector.left");
    EXPECT_EQ(record.text, "one");
  });

  EXPECT_EQ(drained.value(), 1U);
  EXPECT_EQ(count, 1);
  EXPECT_EQ(ring.drain().value(), 0U);
}

TEST_F(LogRingTest, drains_into_the_sinks_of_the_frontend) {
  tests::LogCapture capture;
  writer->write(record_of("one", LogLevel::warning));

  EXPECT_EQ(ring.drain().value(), 1U);

  const auto records = capture.take();
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].time, some_time);
  EXPECT_EQ(records[0].level, spdlog::level::warn);
  EXPECT_EQ(records[0].pid, 77U);
  EXPECT_EQ(records[0].logger, "Detector.left");
  EXPECT_EQ(records[0].text, "one");
}

TEST_F(LogRingTest, keeps_order_and_content_many_times_round) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random{seed};
  std::size_t written = 0;
  std::size_t read = 0;
  const auto text_of = [&](std::size_t number) {
    return std::to_string(number) + std::string(number * 7919 % 1500, 'x');
  };

  while (read < 5'000) {
    for (auto batch = random() % 8; batch > 0; --batch) writer->write(record_of(text_of(written++)));
    for (const std::string& text : drain_texts()) ASSERT_EQ(text, text_of(read++));
    ASSERT_TRUE(last) << to_string(last.error());
  }

  EXPECT_EQ(read, written);
}

TEST_F(LogRingTest, what_is_written_while_it_is_drained_waits_for_the_next_time) {
  writer->write(record_of("one"));

  const auto drained = ring.drain([&](const LogRecord&) { writer->write(record_of("two")); });

  EXPECT_EQ(drained.value(), 1U);
  EXPECT_EQ(drain_texts(), std::vector<std::string>{"two"});
}

TEST_F(LogRingTest, sink_that_throws_gets_no_record_twice) {
  writer->write(record_of("one"));
  writer->write(record_of("two"));

  EXPECT_THROW(static_cast<void>(ring.drain([](const LogRecord&) { throw std::runtime_error{"sink"}; })),
               std::runtime_error);

  EXPECT_EQ(drain_texts(), std::vector<std::string>{"two"});
}

TEST_F(LogRingTest, full_drops_and_counts_what_is_below_a_warning) {
  const std::string kilobyte(1000, 'x');
  int fitted = 0;
  while (memory.control->producer_dropped == 0) {
    writer->write(record_of(kilobyte));
    ++fitted;
  }
  for (int i = 0; i < 9; ++i) writer->write(record_of(kilobyte, LogLevel::debug));

  const auto texts = drain_texts();

  EXPECT_EQ(last.value(), static_cast<std::size_t>(fitted - 1));
  EXPECT_EQ(texts.size(), static_cast<std::size_t>(fitted));
  EXPECT_EQ(texts.back(), "10 records were dropped: the log ring was full");
  writer->write(record_of("fits again"));
  EXPECT_EQ(drain_texts(), std::vector<std::string>{"fits again"});
}

TEST_F(LogRingTest, full_writes_warnings_and_errors_to_standard_error) {
  const std::string kilobyte(1000, 'x');
  while (memory.control->producer_dropped == 0) writer->write(record_of(kilobyte));

  ::testing::internal::CaptureStderr();
  writer->write(record_of(kilobyte, LogLevel::warning));
  writer->write(record_of("worse\n" + kilobyte, LogLevel::error));

  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "1973-11-29T21:33:09.000Z 77 warning Detector.left: " + kilobyte +
                "\n1973-11-29T21:33:09.000Z 77 error   Detector.left: worse\n    " + kilobyte + "\n");
  EXPECT_EQ(memory.control->producer_dropped, 1U);
}

TEST_F(LogRingTest, cuts_what_is_too_long_at_the_end_of_a_character) {
  const std::string just_right(log::detail::longest_text, 'x');
  const std::string too_long = just_right + "x";
  std::string umlauts = "x";  // So that the limit falls into the middle of an umlaut.
  while (umlauts.size() <= log::detail::longest_text) umlauts += "ä";

  for (const std::string& text : {just_right, too_long, umlauts}) {
    writer->write(record_of(text));
    const std::string read = drain_texts().at(0);
    EXPECT_LE(read.size(), log::detail::longest_text);
    if (text == just_right) {
      EXPECT_EQ(read, text);
    } else {
      ASSERT_TRUE(read.ends_with("…"));
      const std::string kept = read.substr(0, read.size() - std::strlen("…"));
      EXPECT_TRUE(text.starts_with(kept));
      EXPECT_GE(kept.size(), log::detail::longest_text - 4);
      if (text == umlauts) {
        EXPECT_EQ(kept.size() % 2, 1U);
      }
    }
  }
  const std::string long_name(1000, 'n');
  writer->write({.time = {}, .level = LogLevel::info, .pid = 1, .logger = long_name, .text = ""});
  static_cast<void>(ring.drain([](const LogRecord& record) {
    EXPECT_EQ(record.logger.size(), log::detail::longest_name);
    EXPECT_TRUE(record.logger.ends_with("…"));
  }));
}

TEST_F(LogRingTest, shows_control_characters_as_question_marks) {
  writer->write({.time = {},
                 .level = LogLevel::info,
                 .pid = 1,
                 .logger = "a\nb",
                 .text = "\x1b[2J\ttab\nline\x7f \xc2\x9b"
                         "2J ä"});

  static_cast<void>(ring.drain([](const LogRecord& record) {
    EXPECT_EQ(record.logger, "a?b");
    EXPECT_EQ(record.text, "?[2J\ttab\nline? ??2J ä");
  }));
}

TEST_F(LogRingTest, is_not_smaller_than_the_longest_record) {
  const LogRing least = LogRing::create("least", 1).value();

  EXPECT_GE(least.capacity(), log::detail::record_size(log::detail::longest_name, log::detail::longest_text));
  EXPECT_EQ(LogRing::create("huge", SIZE_MAX).error().code(), Errc::size_invalid);
  EXPECT_EQ(LogRing::create("huge", SIZE_MAX / 16).error().code(), Errc::size_invalid);
}

TEST_F(LogRingTest, begins_anew_for_the_next_backend) {
  writer->write(record_of("of the first"));
  memory.control->producer_tail = 12'345;
  EXPECT_EQ(ring.drain().error().code(), Errc::bad_message);

  ASSERT_TRUE(ring.reset());
  start_writer();
  writer->write(record_of("of the second"));

  EXPECT_EQ(drain_texts(), std::vector<std::string>{"of the second"});
}

// One way to break the format.
struct Violation {
  const char* name;
  std::function<void(LogRingMemory&, LogRecordHeader&)> commit;
};

class LogRingViolation : public LogRingTest, public ::testing::WithParamInterface<Violation> {};
INSTANTIATE_TEST_SUITE_P(
    All, LogRingViolation,
    ::testing::Values(
        Violation{"tail_is_not_aligned", [](auto& memory, auto&) { memory.control->producer_tail += 4; }},
        Violation{"tail_is_behind_the_head", [](auto& memory, auto&) { memory.control->producer_tail -= 8; }},
        Violation{"tail_is_too_far", [](auto& memory, auto&) { memory.control->producer_tail += memory.capacity; }},
        Violation{"half_a_header",
                  [](auto& memory, auto& header) { memory.control->producer_tail -= header.size - 8; }},
        Violation{"dropped_goes_back", [](auto& memory, auto&) { memory.control->producer_dropped = 0; }},
        Violation{"size_is_zero", [](auto&, auto& header) { header.size = 0; }},
        Violation{"size_is_greater_than_what_is_there",
                  [](auto&, auto& header) {
                    header.text_size += 4096;
                    header.size += 4096;
                  }},
        Violation{"size_is_not_the_sum", [](auto&, auto& header) { header.size -= 8; }},
        Violation{"size_wraps", [](auto&, auto& header) { header.text_size = UINT32_MAX - 40; }},
        Violation{"name_is_too_long", [](auto&, auto& header) { header.name_size = UINT16_MAX; }},
        Violation{"text_is_too_long", [](auto&, auto& header) { header.text_size = UINT32_MAX; }},
        Violation{"level_is_off", [](auto&, auto& header) { header.level = 4; }},
        Violation{"level_is_unknown", [](auto&, auto& header) { header.level = 255; }},
        Violation{"time_is_negative", [](auto&, auto& header) { header.time = -1; }}),
    [](const auto& violation) { return violation.param.name; });

TEST_P(LogRingViolation, is_a_bad_message_now_and_ever_after) {
  writer->write(record_of("fine"));
  memory.control->producer_dropped = 3;
  ASSERT_EQ(drain_texts().size(), 2U);
  std::byte* const place = memory.records + memory.control->producer_tail;
  writer->write(record_of("not fine"));
  LogRecordHeader header;
  std::memcpy(&header, place, sizeof header);
  if (std::string_view{GetParam().name} == "tail_is_behind_the_head") {
    ASSERT_EQ(drain_texts().size(), 1U);
  }

  GetParam().commit(memory, header);
  std::memcpy(place, &header, sizeof header);

  EXPECT_TRUE(drain_texts().empty());
  EXPECT_EQ(last.error().code(), Errc::bad_message);
  start_writer();
  writer->write(record_of("too late"));
  EXPECT_TRUE(drain_texts().empty());
  EXPECT_EQ(last.error().code(), Errc::bad_message);
}

TEST_F(LogRingTest, of_random_bytes_does_no_harm) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random{seed};
  std::size_t records = 0;

  for (int i = 0; i < 5'000; ++i) {
    ASSERT_TRUE(ring.reset());
    start_writer();
    for (int k = 0; k < 3; ++k) writer->write(record_of(std::string(random() % 300, 'x')));
    // A few bytes of true records are changed, or all of their headers, or the control words.
    for (auto flips = random() % 3; flips > 0; --flips)
      memory.records[random() % memory.control->producer_tail] = static_cast<std::byte>(random());
    if (i % 5 == 0) memory.control->producer_tail = random() % (2 * memory.capacity) / 8 * 8;
    if (i % 7 == 0) memory.control->consumer_head = random();
    const auto drained = ring.drain([&](const LogRecord& record) {
      ++records;
      ASSERT_LE(record.text.size(), log::detail::longest_text);
    });
    ASSERT_TRUE(drained || drained.error().code() == Errc::bad_message);
  }

  EXPECT_GT(records, 0U);
}

TEST_F(LogRingTest, from_several_threads_loses_and_mixes_nothing) {
  constexpr int threads = 4;
  constexpr int each = 1'000;
  std::vector<std::jthread> producers;
  std::vector<int> next(threads);
  int read = 0;
  for (int i = 0; i < threads; ++i)
    producers.emplace_back([this, i] {
      for (int n = 0; n < each; ++n) {
        // Slower than the reader: a record that is dropped would be a gap.
        while (memory.control->producer_tail - memory.control->consumer_head > memory.capacity / 2)
          std::this_thread::yield();
        const std::string text = std::to_string(n);
        const std::string name(1, static_cast<char>('0' + i));
        writer->write({.time = some_time, .level = LogLevel::info, .pid = 1, .logger = name, .text = text});
      }
    });

  while (read < threads * each) {
    const auto drained = ring.drain([&](const LogRecord& record) {
      ++read;
      auto& expected = next.at(static_cast<std::size_t>(record.logger[0] - '0'));
      ASSERT_EQ(record.text, std::to_string(expected++));
    });
    ASSERT_TRUE(drained);
  }

  EXPECT_EQ(next, std::vector<int>(threads, each));
}

}  // namespace
}  // namespace prong
