// Runs a fuzz target without libFuzzer: replays a corpus, then changes it at random for a second.
//
// Usage: <program> CORPUS_FOLDER [SEED]. The seed is printed. On a crash, the file "fuzz_crash" holds the input.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Input = std::vector<std::uint8_t>;
constexpr std::size_t largest_input = 64 * 1024;

// Holds each input at the end of a page with nothing behind it, so that a read beyond it is noticed without a
// sanitizer too.
class FencedMemory {
 public:
  FencedMemory() {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    void* const memory =
        ::mmap(nullptr, largest_input + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || ::mprotect(static_cast<std::uint8_t*>(memory) + largest_input, page, PROT_NONE) != 0) {
      std::perror("fenced memory");
      std::exit(2);
    }
    end_ = static_cast<std::uint8_t*>(memory) + largest_input;
  }

  const std::uint8_t* hold(const Input& input) {
    std::copy(input.begin(), input.end(), end_ - input.size());
    return end_ - input.size();
  }

 private:
  std::uint8_t* end_ = nullptr;
};

// The input that is being run, for the signal handler.
const std::uint8_t* running = nullptr;
std::size_t running_size = 0;

extern "C" void save_crash(int signal) {
  const int file = ::open("fuzz_crash", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  const char text[] = "the input that did it is in ./fuzz_crash\n";
  if (file >= 0 && ::write(file, running, running_size) == static_cast<ssize_t>(running_size)) [[maybe_unused]]
    const auto written = ::write(STDERR_FILENO, text, sizeof text - 1);
  std::signal(signal, SIG_DFL);
  ::raise(signal);
}

void run(FencedMemory& memory, const Input& input) {
  running = memory.hold(input);
  running_size = input.size();
  LLVMFuzzerTestOneInput(running, running_size);
}

std::vector<Input> read_corpus(const char* folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator{folder}) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());  // the same seed means the same inputs
  std::vector<Input> corpus;
  for (const auto& path : paths) {
    std::ifstream file{path, std::ios::binary};
    corpus.emplace_back(std::istreambuf_iterator<char>{file}, std::istreambuf_iterator<char>{});
  }
  return corpus;
}

class Mutator {
 public:
  Mutator(std::uint64_t seed, const std::vector<Input>& corpus) : engine_{seed}, corpus_{corpus} {}

  Input next() {
    Input input = corpus_[below(corpus_.size())];
    for (std::size_t changes = 1 + below(4); changes > 0; --changes) change(input);
    input.resize(std::min(input.size(), largest_input));
    return input;
  }

 private:
  std::size_t below(std::size_t limit) { return std::uniform_int_distribution<std::size_t>{0, limit - 1}(engine_); }
  std::uint8_t byte() { return static_cast<std::uint8_t>(below(256)); }

  void change(Input& input) {
    const std::size_t place = below(input.size() + 1);
    const auto at = input.begin() + static_cast<std::ptrdiff_t>(place);
    switch (below(7)) {
      case 0: input.insert(at, byte()); return;
      case 1: input.resize(place); return;
      case 2:
        if (at != input.end()) *at = byte();
        return;
      case 3:
        if (at != input.end()) *at = static_cast<std::uint8_t>(*at ^ (1U << below(8)));
        return;
      case 4: {  // a count or a length
        constexpr std::uint32_t numbers[] = {0, 1, 2, 255, 65536, 0x00ffffff, 0x7fffffff, 0x80000000, 0xffffffff};
        const std::uint32_t number = numbers[below(std::size(numbers))];
        if (input.size() - place >= sizeof number) std::memcpy(input.data() + place, &number, sizeof number);
        return;
      }
      case 5: {  // a piece repeated: that makes depth
        const Input piece(at,
                          at + static_cast<std::ptrdiff_t>(std::min<std::size_t>(1 + below(16), input.size() - place)));
        for (std::size_t times = below(64); times > 0 && input.size() < largest_input; --times)
          input.insert(input.begin() + static_cast<std::ptrdiff_t>(place), piece.begin(), piece.end());
        return;
      }
      default: {  // the rest of another input
        const Input& other = corpus_[below(corpus_.size())];
        const std::size_t from = below(other.size() + 1);
        input.erase(at, input.end());
        input.insert(input.end(), other.begin() + static_cast<std::ptrdiff_t>(from), other.end());
        return;
      }
    }
  }

  std::mt19937_64 engine_;
  const std::vector<Input>& corpus_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s CORPUS_FOLDER [SEED]\n", argv[0]);
    return 2;
  }
  const std::vector<Input> corpus = read_corpus(argv[1]);
  if (corpus.empty()) {
    std::fprintf(stderr, "no corpus in %s\n", argv[1]);
    return 2;
  }
  const std::uint64_t seed = argc > 2 ? std::stoull(argv[2]) : std::random_device{}();
  std::printf("seed %llu, corpus of %zu\n", static_cast<unsigned long long>(seed), corpus.size());
  std::fflush(stdout);
  for (const int signal : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL}) std::signal(signal, save_crash);

  FencedMemory memory;
  for (const Input& input : corpus) run(memory, input);
  Mutator mutator{seed, corpus};
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{1};
  std::size_t runs = 0;
  while (std::chrono::steady_clock::now() < end) {
    for (int i = 0; i < 100; ++i) run(memory, mutator.next());
    runs += 100;
  }
  std::printf("%zu runs\n", runs);
  return 0;
}
