// Stands in for libFuzzer: gives a fuzz target every input of a corpus and seeded mutations of them.
//
//   <target> CORPUS_FOLDER      PRONG_FUZZ_SEED repeats a run
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Input = std::vector<std::uint8_t>;

constexpr int mutations = 20'000;

std::vector<Input> read_all(const char* folder) {
  std::vector<Input> inputs;
  for (const auto& entry : std::filesystem::directory_iterator{folder}) {
    std::ifstream file{entry.path(), std::ios::binary};
    inputs.emplace_back(std::istreambuf_iterator<char>{file}, std::istreambuf_iterator<char>{});
  }
  return inputs;
}

void mutate(Input& input, std::mt19937_64& random) {
  const auto below = [&random](std::size_t bound) { return static_cast<std::size_t>(random() % bound); };
  for (std::size_t changes = 1 + below(4); changes > 0; --changes) {
    if (input.empty()) input.push_back(0);
    std::uint8_t& byte = input[below(input.size())];
    switch (below(5)) {
      case 0: byte = static_cast<std::uint8_t>(random()); break;
      case 1: byte = static_cast<std::uint8_t>(byte ^ (1U << below(8))); break;
      case 2: byte = below(2) == 0 ? 0x00 : 0xff; break;
      case 3: input.resize(below(input.size() + 1)); break;
      case 4: input.insert(input.end(), below(16), static_cast<std::uint8_t>(random())); break;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("a folder of inputs is needed\n", stderr);
    return 2;
  }
  const std::vector<Input> corpus = read_all(argv[1]);
  if (corpus.empty()) {
    std::fprintf(stderr, "%s holds no inputs\n", argv[1]);
    return 2;
  }
  const char* const wanted = std::getenv("PRONG_FUZZ_SEED");
  const std::uint64_t seed = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : std::random_device{}();
  std::printf("%zu inputs, %d mutations, PRONG_FUZZ_SEED=%llu\n", corpus.size(), mutations,
              static_cast<unsigned long long>(seed));
  std::fflush(stdout);

  for (const Input& input : corpus) LLVMFuzzerTestOneInput(input.data(), input.size());
  std::mt19937_64 random{seed};
  for (int i = 0; i < mutations; ++i) {
    Input input = corpus[static_cast<std::size_t>(i) % corpus.size()];
    mutate(input, random);
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  return 0;
}
