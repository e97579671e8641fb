#include "prong/sync/checkpoint_store.hpp"

#include "checkpoint_pattern.hpp"
#include "event_memory.hpp"
#include "prong/sync/detail/checkpoint_half.hpp"

#include <atomic>
#include <random>
#include <thread>

namespace prong {
namespace {

using sync::detail::checkpoint_checksum;

std::string text_of(const CheckpointStore& store) {
  const auto saved = store.last();
  if (!saved) return "error: " + saved.error().message();
  if (!*saved) return "nothing";
  return std::to_string((*saved)->number) + " " + std::string{as_text((*saved)->bytes)};
}

TEST(CheckpointStore, returns_the_last_save) {
  auto store = CheckpointStore::create(100).value();
  EXPECT_EQ(text_of(store), "nothing");
  EXPECT_FALSE(store.take().value());

  for (const char* const text : {"one", "two", "", "a longer one, of more words than one"}) {
    ASSERT_TRUE(store.save(as_bytes(text)));
    EXPECT_EQ(as_text(store.last().value()->bytes), text);
  }

  EXPECT_EQ(text_of(store), "4 a longer one, of more words than one");
}

TEST(CheckpointStore, takes_what_fits_and_refuses_more) {
  auto store = CheckpointStore::create(13).value();
  EXPECT_EQ(store.capacity(), 13U);

  EXPECT_TRUE(store.save(as_bytes("thirteen byte")));
  EXPECT_EQ(store.save(as_bytes("fourteen bytes")).error().code(), Errc::too_large);

  EXPECT_EQ(text_of(store), "1 thirteen byte");
}

TEST(CheckpointStore, of_no_size_or_of_more_than_fits_is_an_error) {
  for (const std::size_t capacity : {std::size_t{0}, SIZE_MAX, SIZE_MAX - 8, SIZE_MAX / 2, SIZE_MAX / 4})
    EXPECT_EQ(CheckpointStore::create(capacity).error().code(), Errc::size_invalid) << capacity;
}

TEST(CheckpointStore, counts_who_took_a_save_and_begins_anew_with_the_next) {
  auto store = CheckpointStore::create(100).value();
  ASSERT_TRUE(store.save(as_bytes("one")));

  EXPECT_EQ(store.take().value()->attempt, 1U);
  EXPECT_EQ(store.take().value()->attempt, 2U);
  EXPECT_EQ(store.last().value()->attempt, 0U);
  ASSERT_TRUE(store.save(as_bytes("two")));
  EXPECT_EQ(store.take().value()->attempt, 1U);
}

TEST(CheckpointStore, forgets_when_it_is_told_to) {
  auto store = CheckpointStore::create(100).value();
  ASSERT_TRUE(store.save(as_bytes("one")));
  ASSERT_TRUE(store.save(as_bytes("two")));

  store.clear();
  EXPECT_EQ(text_of(store), "nothing");
  ASSERT_TRUE(store.save(as_bytes("three")));

  EXPECT_EQ(text_of(store), "1 three");
}

TEST(CheckpointStore, keeps_the_one_before_when_the_newest_was_overwritten) {
  auto store = CheckpointStore::create(64).value();
  ASSERT_TRUE(store.save(as_bytes("one")));
  ASSERT_TRUE(store.save(as_bytes("two")));
  const auto words = tests::event_memory("prong-checkpoint");
  const std::size_t half = (128 + 64) / 4;

  words[half + 32] ^= 1;  // the first byte of "two"

  EXPECT_EQ(text_of(store), "1 one");
  words[32] ^= 1;
  EXPECT_EQ(text_of(store), "error: something has overwritten the checkpoint");
}

// Every word in turn becomes every kind of garbage: a whole save, or none, or an error; never a broken one.
TEST(CheckpointStore, never_returns_garbage_whatever_is_written_into_its_memory) {
  constexpr std::size_t capacity = 64;
  auto store = CheckpointStore::create(capacity).value();
  std::vector<std::byte> bytes;
  const auto fill = [&] {
    store.clear();
    for (std::uint64_t number = 1; number <= 2; ++number) {
      tests::fill_checkpoint(bytes, number, capacity);
      ASSERT_TRUE(store.save(bytes));
    }
  };
  const auto check = [&] {
    const auto saved = store.last();
    EXPECT_TRUE(saved || saved.error().code() == Errc::bad_message);
    EXPECT_TRUE(!saved || !*saved || tests::number_of_checkpoint((*saved)->bytes, capacity));
  };
  const auto words = tests::event_memory("prong-checkpoint");

  for (std::size_t i = 0; i < 2 * (128 + capacity) / 4; ++i) {
    for (const std::uint32_t garbage : {0U, 1U, 2U, 3U, 64U, 65U, 0x7fffffffU, 0x80000000U, 0xffffffffU}) {
      fill();
      words[i] = garbage;
      check();
      ASSERT_TRUE(store.save(bytes)) << "it can be used again";
    }
  }
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random{seed};
  for (int i = 0; i < 20'000; ++i) {
    fill();
    for (std::size_t n = 1 + random() % 5; n > 0; --n)
      words[random() % (2 * (128 + capacity) / 4)] =
          random() % 2 == 0 ? static_cast<std::uint32_t>(random() % 4) : static_cast<std::uint32_t>(random());
    check();
  }
}

TEST(CheckpointStore, a_number_that_cannot_grow_begins_anew) {
  auto store = CheckpointStore::create(8).value();
  const auto words = tests::event_memory("prong-checkpoint");
  const std::uint64_t number = sync::detail::max_checkpoint_number;
  const std::uint64_t checksum = checkpoint_checksum(number, 0, {});
  for (const std::size_t at : {0, 2}) {
    words[at] = static_cast<std::uint32_t>(number);
    words[at + 1] = static_cast<std::uint32_t>(number >> 32);
  }
  words[6] = static_cast<std::uint32_t>(checksum);
  words[7] = static_cast<std::uint32_t>(checksum >> 32);
  ASSERT_EQ(text_of(store), std::to_string(number) + " ");

  ASSERT_TRUE(store.save(as_bytes("one")));

  EXPECT_EQ(text_of(store), "1 one");
}

TEST(CheckpointStore, is_read_whole_while_it_is_written) {
  constexpr std::size_t capacity = 1000;
  auto store = CheckpointStore::create(capacity).value();
  std::atomic<std::uint64_t> finished{0};
  std::atomic<bool> stop{false};
  std::thread saver{[&] {
    std::vector<std::byte> bytes;
    for (std::uint64_t number = 1; !stop.load(); ++number) {
      tests::fill_checkpoint(bytes, number, capacity);
      EXPECT_TRUE(store.save(bytes));
      finished.store(number);
    }
  }};

  int whole = 0;
  while (whole < 5'000) {
    const std::uint64_t at_least = finished.load();
    const auto saved = store.last();
    if (!saved) {
      EXPECT_EQ(saved.error().code(), Errc::overloaded);
      continue;
    }
    if (!*saved) {
      EXPECT_EQ(at_least, 0U);
      continue;
    }
    const auto number = tests::number_of_checkpoint((*saved)->bytes, capacity);
    ASSERT_TRUE(number) << "a torn checkpoint";
    EXPECT_EQ(*number, (*saved)->number);
    EXPECT_GE(*number, at_least);
    ++whole;
  }
  stop.store(true);
  saver.join();
}

TEST(CheckpointStore, its_checksum_finds_every_change_of_one_word) {
  std::mt19937_64 random{7};
  std::vector<std::uint64_t> words(50);
  for (std::uint64_t& word : words) word = random();
  const std::uint64_t sum = checkpoint_checksum(3, 400, words);

  for (std::uint64_t& word : words) {
    for (int bit = 0; bit < 64; ++bit) {
      word ^= std::uint64_t{1} << bit;
      EXPECT_NE(checkpoint_checksum(3, 400, words), sum);
      word ^= std::uint64_t{1} << bit;
    }
  }
  std::swap(words[3], words[4]);
  EXPECT_NE(checkpoint_checksum(3, 400, words), sum);
}

}  // namespace
}  // namespace prong
