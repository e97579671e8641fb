// The ring's two ends against a peer that writes whatever it likes into the shared words and bytes.
#include "prong/transport/byte_ring.hpp"

#include <cstdlib>
#include <cstring>
#include <vector>

namespace prong::transport {
namespace {

constexpr std::size_t capacity = 256;

// An input is the ring's bytes, then steps of one byte that says what and eight bytes that say with which number.
class Steps {
 public:
  explicit Steps(Bytes input) noexcept : left_{input} {}

  bool next() noexcept {
    if (left_.size() < 1 + sizeof number) return false;
    kind = std::to_integer<unsigned>(left_[0]) % 4;
    std::memcpy(&number, left_.data() + 1, sizeof number);
    left_ = left_.subspan(1 + sizeof number);
    return true;
  }

  unsigned kind = 0;
  std::uint64_t number = 0;

 private:
  Bytes left_;
};

void require(bool condition) {
  if (!condition) std::abort();
}

void attack(Bytes input) {
  // Exactly the two mappings' size, so that the sanitizer sees a byte read or written beside them.
  std::vector<std::byte> memory(2 * capacity);
  const std::size_t given = input.size() < capacity ? input.size() : capacity;
  std::memcpy(memory.data(), input.data(), given);
  std::memcpy(memory.data() + capacity, input.data(), given);
  RingWords words;
  RingConsumer consumer{words, memory, capacity};
  RingProducer producer{words, memory, capacity};
  const std::vector<std::byte> record(max_record(capacity));

  bool consumer_trusts = true;
  bool producer_trusts = true;
  for (Steps steps{input.subspan(given)}; steps.next();) {
    if (steps.kind == 0) {
      words.tail = steps.number;
    } else if (steps.kind == 1) {
      words.head = steps.number;
    } else if (steps.kind == 2 && consumer_trusts) {
      const auto found = consumer.next();
      consumer_trusts = found.has_value();
      if (found && *found) {
        const Bytes bytes = **found;
        require(bytes.size() <= max_record(capacity));
        const std::vector<std::byte> copy(bytes.begin(), bytes.end());
        require(consumer.position() % 8 == 0);
      }
      if (steps.number % 2 == 0) static_cast<void>(consumer.release());
    } else if (steps.kind == 3 && producer_trusts) {
      producer_trusts = producer.try_push(record, {}) != Push::broken;
      if (steps.number % 2 == 0) static_cast<void>(producer.publish());
    }
  }
}

}  // namespace
}  // namespace prong::transport

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  prong::transport::attack(prong::Bytes{reinterpret_cast<const std::byte*>(data), size});
  return 0;
}
