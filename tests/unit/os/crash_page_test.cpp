#include "prong/os/crash_page.hpp"

#include "prong/base/crash_report.hpp"
#include "prong/os/crash_evidence.hpp"
#include "prong/os/crash_handler.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <cstring>
#include <random>
#include <thread>

namespace prong::os {
namespace {

constexpr std::size_t page_bytes = 12224;
// Of docs/formats/crash_page.md.
constexpr std::size_t state_at = 64;
constexpr std::size_t frame_count_at = 112;
constexpr std::size_t module_count_at = 124;
constexpr std::size_t first_frames_at = 1024;
constexpr std::size_t modules_at = 2048;
constexpr std::size_t paths_at = 7168;

using Page = std::vector<std::byte>;

template <class T>
void put(Page& page, std::size_t offset, T value) {
  std::memcpy(page.data() + offset, &value, sizeof value);
}

// A page as an honest backend leaves it: two frames, one module.
Page honest_page() {
  Page page(page_bytes);
  put<std::uint32_t>(page, state_at, 3);
  put<std::uint32_t>(page, state_at + 4, 1);
  put<std::int32_t>(page, state_at + 8, SIGSEGV);
  put<std::int32_t>(page, state_at + 12, SEGV_MAPERR);
  put<std::uint64_t>(page, state_at + 16, 0x10);
  put<std::int32_t>(page, state_at + 28, 4242);
  std::memcpy(page.data() + state_at + 32, "wor\nker", 7);
  put<std::uint64_t>(page, frame_count_at, 2);
  put<std::uint64_t>(page, first_frames_at, 0x8000000000401010);
  put<std::uint64_t>(page, first_frames_at + 8, 0x402020);
  put<std::uint32_t>(page, module_count_at, 1);
  put<std::uint64_t>(page, modules_at, 0x400000);
  put<std::uint64_t>(page, modules_at + 8, 0x500000);
  put<std::uint16_t>(page, modules_at + 42, 4);
  std::memcpy(page.data() + paths_at, "/app", 4);
  return page;
}

CrashReport named(const CrashNote& note) {
  return make_evidence(CrashReport{}, note.capture)->report();
}

TEST(CrashPage, empty_page_says_that_nothing_was_written) {
  const CrashPage page = CrashPage::create().value();

  const CrashNote note = page.read().value();

  EXPECT_FALSE(note.written);
  EXPECT_FALSE(note.terminated);
  EXPECT_TRUE(note.capture.threads.empty());
  EXPECT_FALSE(page.running());
}

TEST(CrashPage, honest_page_is_read_as_its_format_says) {
  const CrashNote note = parse_crash_page(honest_page()).value();

  EXPECT_TRUE(note.written);
  EXPECT_EQ(note.signal, SIGSEGV);
  EXPECT_EQ(note.fault_address, 0x10U);
  ASSERT_EQ(note.capture.threads.size(), 1U);
  const CapturedThread& thread = note.capture.threads.front();
  EXPECT_EQ(thread.id, 4242);
  EXPECT_EQ(thread.name, "wor?ker");
  ASSERT_EQ(thread.frames.size(), 2U);
  EXPECT_EQ(thread.frames[0].address, 0x401010U);
  EXPECT_TRUE(thread.frames[0].exact);
  EXPECT_FALSE(thread.frames[1].exact);
  ASSERT_EQ(note.capture.modules.size(), 1U);
  EXPECT_EQ(note.capture.modules.front().path, "/app");
}

TEST(CrashPage, long_stack_has_a_gap_between_its_ends) {
  Page page = honest_page();
  put<std::uint64_t>(page, frame_count_at, 1000);

  const CapturedThread thread = std::move(parse_crash_page(page).value().capture.threads.front());

  EXPECT_EQ(thread.frames.size(), 128U);
  EXPECT_EQ(thread.gap_position, 64U);
  EXPECT_EQ(thread.frames_left_out, 1000U - 128U);
}

TEST(CrashPage, short_page_and_unknown_state_are_bad_messages) {
  Page page = honest_page();
  put<std::uint32_t>(page, state_at, 4);
  EXPECT_EQ(parse_crash_page(page).error().code(), Errc::bad_message);
  page.resize(page_bytes - 1);
  EXPECT_EQ(parse_crash_page(page).error().code(), Errc::bad_message);
}

TEST(CrashPage, module_that_cannot_be_is_left_out) {
  Page backwards = honest_page();
  put<std::uint64_t>(backwards, modules_at, 0x600000);
  Page outside = honest_page();
  put<std::uint16_t>(outside, modules_at + 40, 5055);
  Page long_id = honest_page();
  put<std::uint32_t>(long_id, modules_at + 44, 33);

  for (const Page& page : {backwards, outside, long_id})
    EXPECT_TRUE(parse_crash_page(page).value().capture.modules.empty());
}

TEST(CrashPage, garbage_in_any_word_harms_nobody) {
  std::mt19937_64 random{std::random_device{}()};
  const Page honest = honest_page();
  for (std::size_t word = 0; word + 8 <= page_bytes; word += 8) {
    for (const std::uint64_t garbage :
         {~std::uint64_t{0}, std::uint64_t{0x8000000080000000}, std::uint64_t{random()}}) {
      Page page = honest;
      put(page, word, garbage);

      const auto note = parse_crash_page(page);

      if (!note) continue;
      EXPECT_FALSE(to_string(named(*note)).empty());
    }
  }
}

TEST(CrashPage, command_and_request_belong_together_at_any_moment) {
  const CrashPage page = CrashPage::create().value();
  const Mapping backend = page.shared_memory().map(Access::read_write).value();
  auto* const words = reinterpret_cast<std::atomic<std::uint64_t>*>(backend.data());
  detail::RunningWords writer{.running = words, .request = words + 1};
  std::atomic<bool> stop{false};
  std::thread thread{[&] {
    for (std::uint64_t i = 1; !stop.load(std::memory_order_relaxed); ++i) {
      const std::uint64_t command = i % 1000 + 1;
      writer.note(command, command * 1'000'000'007);
      writer.note(0, 0);
    }
  }};

  int seen = 0;
  while (seen < 2000) {
    const auto running = page.running();
    if (!running) continue;
    ++seen;
    EXPECT_EQ(running->request, (std::uint64_t{running->command} + 1) * 1'000'000'007);
  }

  stop = true;
  thread.join();
}

TEST(CrashPage, command_is_noted_nowhere_in_a_process_without_a_page) {
  const CommandNote note{1, 2};

  EXPECT_EQ(detail::running_words.running, nullptr);
}

}  // namespace
}  // namespace prong::os
