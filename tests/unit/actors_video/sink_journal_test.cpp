#include "prong/actors/video/sink_journal.hpp"

#include "process_test.hpp"
#include "prong/os/child_process.hpp"
#include "video_test.hpp"

#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>

namespace prong::video {
namespace {

using SinkJournal_ = tests::VideoTest;

SinkRecord record_of(std::uint64_t frame) {
  SinkRecord record;
  record.frame = frame;
  record.found = frame + 1;
  record.time = static_cast<std::int64_t>(frame) * 100;
  record.events.push_back({.kind = TrackEvent::Kind::enter, .frame = frame, .time = {}, .track = 1, .box = {}});
  record.video.push_back({.bytes = std::vector<std::byte>(frame % 5'000, std::byte{7}),
                          .ticks = static_cast<std::int64_t>(frame),
                          .is_key = frame % 10 == 0});
  return record;
}

std::vector<std::uint64_t> frames_in(const std::string& path) {
  std::vector<std::uint64_t> frames;
  const auto journal = SinkJournal::resume(path, [&](const SinkRecord& record) -> Result<void> {
    EXPECT_EQ(record.video.at(0).bytes.size(), record.frame % 5'000);
    EXPECT_EQ(record.events.size(), 1U);
    frames.push_back(record.frame);
    return {};
  });
  EXPECT_TRUE(journal) << journal.error().message();
  return frames;
}

TEST_F(SinkJournal_, gives_back_what_was_appended_and_goes_on) {
  const std::string name = path("sink.journal");
  {
    auto journal = SinkJournal::create(name).value();
    for (std::uint64_t frame : {1U, 2U, 3U}) ASSERT_TRUE(journal.append(record_of(frame)));
    EXPECT_EQ(journal.last_frame(), 3U);
    EXPECT_EQ(journal.last_found(), 4U);
  }
  {
    auto journal = SinkJournal::resume(name, [](const SinkRecord&) -> Result<void> { return {}; }).value();
    EXPECT_EQ(journal.last_frame(), 3U);
    ASSERT_TRUE(journal.append(record_of(4)));
  }

  EXPECT_EQ(frames_in(name), (std::vector<std::uint64_t>{1, 2, 3, 4}));
  EXPECT_EQ(SinkJournal::create(name).value().last_frame(), 0U);
  EXPECT_TRUE(frames_in(name).empty());
}

TEST_F(SinkJournal_, cuts_off_a_record_that_is_not_whole_wherever_it_ends) {
  const std::string name = path("sink.journal");
  auto journal = SinkJournal::create(name).value();
  ASSERT_TRUE(journal.append(record_of(1)));
  const auto whole = std::filesystem::file_size(name);
  ASSERT_TRUE(journal.append(record_of(2)));
  const auto end = std::filesystem::file_size(name);

  for (auto size = end - 1;; --size) {
    std::filesystem::resize_file(name, size);
    ASSERT_EQ(frames_in(name).size(), size >= whole ? 1U : 0U) << size;
    if (size == 0) break;
    if (size >= whole) {
      ASSERT_EQ(std::filesystem::file_size(name), whole);
      std::filesystem::resize_file(name, size);  // filled with zeros: what the next round cuts into
    }
  }
}

TEST_F(SinkJournal_, cuts_off_from_a_damaged_record_on) {
  const std::string name = path("sink.journal");
  auto journal = SinkJournal::create(name).value();
  ASSERT_TRUE(journal.append(record_of(1)));
  const auto whole = std::filesystem::file_size(name);
  ASSERT_TRUE(journal.append(record_of(2)));
  ASSERT_TRUE(journal.append(record_of(3)));
  {
    std::fstream damage{name, std::ios::in | std::ios::out | std::ios::binary};
    damage.seekp(static_cast<std::streamoff>(whole + 20));
    damage.put('!');
  }

  EXPECT_EQ(frames_in(name), (std::vector<std::uint64_t>{1}));
}

TEST_F(SinkJournal_, refuses_a_file_of_another_kind_and_one_that_cannot_be_written) {
  const std::string name = path("holiday.txt");
  std::ofstream{name} << "it rained every day";

  const auto other = SinkJournal::resume(name, {});
  EXPECT_EQ(other.error().code(), Errc::malformed);
  const auto nowhere = SinkJournal::create(path("no/such/folder/sink.journal"));
  EXPECT_EQ(nowhere.error().code(), Errc::system);
  EXPECT_NE(nowhere.error().message().find("no/such/folder"), std::string::npos);
  EXPECT_EQ(std::filesystem::file_size(name), 19U);
}

TEST_F(SinkJournal_, keeps_every_record_whose_append_returned_though_its_writer_is_killed_at_any_moment) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random{seed};
  const std::string name = path("sink.journal");
  static_cast<void>(SinkJournal::create(name).value());
  std::uint64_t done = 0;
  int told[2];
  ASSERT_EQ(::pipe(told), 0);
  const os::UniqueFd read_end{told[0]};
  const os::UniqueFd write_end{told[1]};

  for (int life = 0; life < 30; ++life) {
    auto writer = os::ChildProcess::fork([&] {
                    auto journal = SinkJournal::resume(name, {}).value();
                    for (std::uint64_t frame = journal.last_frame() + 1;; ++frame) {
                      journal.append(record_of(frame)).value();
                      static_cast<void>(::write(told[1], &frame, sizeof frame));
                    }
                    return 0;
                  }).value();
    for (auto count = random() % 100 + 1; count > 0; --count)
      ASSERT_EQ(::read(told[0], &done, sizeof done), static_cast<ssize_t>(sizeof done));
    ASSERT_TRUE(writer.signal(SIGKILL));
    ASSERT_EQ(writer.wait(Deadline::after(std::chrono::seconds{20})).value().signal, SIGKILL);
    const auto frames = frames_in(name);
    ASSERT_GE(frames.size(), done);
    for (std::size_t i = 0; i < frames.size(); ++i) ASSERT_EQ(frames[i], i + 1);
    // What was told before the kill and not yet read belongs to the life before.
    for (std::uint64_t rest = done; rest < frames.size(); ++rest) {
      pollfd entry{told[0], POLLIN, 0};
      if (::poll(&entry, 1, 0) != 1) break;
      ASSERT_EQ(::read(told[0], &done, sizeof done), static_cast<ssize_t>(sizeof done));
    }
  }
}

}  // namespace
}  // namespace prong::video
