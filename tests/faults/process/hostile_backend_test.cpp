// A backend that has gone mad: a thread of it writes random words over all memory that it shares with others, while its
// frontend goes on calling, listening and waiting. The frontend and the siblings are not harmed.
//
// The same again: PRONG_TEST_SEED; more rounds: PRONG_TEST_ROUNDS.
#include "process_test.hpp"
#include "prong/process/message_process.hpp"
#include "random_rounds.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>
#include <thread>

namespace prong {
namespace {

using namespace std::chrono_literals;
using Random = std::mt19937_64;

// Memory that this process shares and can write.
std::vector<std::span<std::uint64_t>> shared_memory() {
  std::vector<std::span<std::uint64_t>> found;
  std::ifstream maps{"/proc/self/maps"};
  for (std::string line; std::getline(maps, line);) {
    unsigned long begin = 0;
    unsigned long end = 0;
    if (line.find(" rw-s ") == std::string::npos || std::sscanf(line.c_str(), "%lx-%lx", &begin, &end) != 2) continue;
    found.emplace_back(reinterpret_cast<std::uint64_t*>(begin), (end - begin) / sizeof(std::uint64_t));
  }
  // What it has a descriptor of, it can map, also where it has mapped it for reading only.
  for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"}) {
    std::error_code gone;
    if (std::filesystem::read_symlink(entry.path(), gone).string().find("/memfd:") != 0 || gone) continue;
    const int descriptor = std::stoi(entry.path().filename().string());
    struct stat status {};
    if (::fstat(descriptor, &status) != 0 || status.st_size == 0) continue;
    const auto size = static_cast<std::size_t>(status.st_size);
    void* const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (memory != MAP_FAILED) found.emplace_back(static_cast<std::uint64_t*>(memory), size / sizeof(std::uint64_t));
  }
  return found;
}

// Small numbers look like positions and lengths, and are the dangerous ones.
std::uint64_t nonsense(Random& random) {
  switch (random() % 4) {
    case 0: return random();
    case 1: return random() % 4096;
    case 2: return (random() % 64) * 8;
    default: return random() >> (random() % 64);
  }
}

class Worker : public MessageProcess {
 public:
  explicit Worker(std::string name) : MessageProcess{std::move(name)} {
    command<&Worker::c__add>("add", "a"_a, "b"_a);
    command<&Worker::c__go_mad>("go_mad", "seed"_a);
  }
  Future<int> add(int a, int b, Deadline deadline) { return call<&Worker::c__add>(a, b, deadline); }
  Future<std::uint64_t> go_mad(std::uint64_t seed) { return call<&Worker::c__go_mad>(seed); }

 private:
  int c__add(int a, int b) {
    send_out({"adding", {{"a", a}}});
    logger().info("adding {} and {}", a, b);
    return a + b;
  }
  // Returns how many words there are to be written.
  std::uint64_t c__go_mad(std::uint64_t seed) {
    const auto memory = shared_memory();
    std::uint64_t words = 0;
    for (const auto& part : memory) words += part.size();
    std::thread{[memory, random = Random{seed}]() mutable {
      ::usleep(1000);  // the answer gets away
      for (;;) {
        const auto& part = memory[random() % memory.size()];
        // The words that steer stand at the beginning.
        const std::size_t reach = random() % 2 == 0 ? std::min<std::size_t>(part.size(), 256) : part.size();
        std::atomic_ref{part[random() % reach]}.store(nonsense(random), std::memory_order_relaxed);
      }
    }}.detach();
    return words;
  }
};

class HostileBackend : public tests::ProcessTest {
 protected:
  // Uses a process in every way there is, for a while. Whatever it answers, each of these ends.
  void use(Worker& mad, Worker& sibling, Random& random) {
    const auto until = Deadline::after(300ms);
    for (int i = 0; mad.state() == ProcessState::running && !until.has_passed() && !HasFailure(); ++i) {
      auto future = mad.add(i, 1, Deadline::after(20ms));
      if (const auto result = future.result(); result) ++answers_;
      static_cast<void>(mad.try_send_message_to_back({"add", {{"a", i}, {"b", 2}}}, Deadline::after(5ms)));
      static_cast<void>(mad.pipe().receive(Deadline::after(1ms)));
      static_cast<void>(mad.ping(Deadline::after(5ms)));
      if (random() % 4 == 0) {
        auto given_up = mad.add(i, 3, Deadline::after(5ms));
        given_up.cancel();
      }
      ASSERT_EQ(sibling.add(i, i, Deadline::after(20s)).get(), 2 * i) << "a sibling was harmed";
    }
  }

  std::uint64_t answers_ = 0;
};

TEST_F(HostileBackend, that_writes_over_all_it_shares_harms_neither_frontend_nor_siblings) {
  const std::uint64_t seed = tests::random_seed();
  std::cout << "seed " << seed << '\n';
  Logger::format_logger(LogLevel::off);
  int killed_for_it = 0;
  const int rounds = tests::random_rounds(60);
  for (int round = 0; round < rounds && !HasFailure(); ++round) {
    restart_watchdog();
    Random random{seed + static_cast<std::uint64_t>(round)};
    Worker mad{"mad"};
    Worker sibling{"sibling"};
    mad.start();
    sibling.start();
    EXPECT_EQ(mad.add(1, 2, Deadline::after(20s)).get(), 3);
    // Its answer may be the first thing that it writes over.
    const auto words = mad.go_mad(random()).result();
    EXPECT_TRUE(!words || *words > 1000) << "there should be more to write to";

    use(mad, sibling, random);

    const Error end =
        mad.stop(Deadline::after(20ms)) ? Error{Errc::stopped, ""} : mad.wait_stop(Deadline::after(20s)).error();
    if (end.code() == Errc::process_expired && end.death()->cause == DeathCause::bad_message) ++killed_for_it;
    ASSERT_TRUE(mad.restart(Deadline::after(20s)));
    EXPECT_EQ(mad.add(2, 2, Deadline::after(20s)).get(), 4) << "its successor is sane";
    EXPECT_TRUE(mad.stop(Deadline::after(20s)));
    EXPECT_TRUE(sibling.stop(Deadline::after(20s)));
  }
  Logger::format_logger(LogLevel::info);
  std::cout << killed_for_it << " of " << rounds << " were killed for what they wrote, " << answers_ << " answers\n";
  EXPECT_GT(killed_for_it, 0);
}

}  // namespace
}  // namespace prong
