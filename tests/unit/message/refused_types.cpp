// Types that do not travel. Each case must fail to compile with the sentence that CMakeLists.txt expects of it.
#include "prong/message/codec.hpp"

#include <cereal/types/memory.hpp>
#include <cereal/types/vector.hpp>

#include <memory>
#include <string_view>

namespace {

struct Mute {
  int a = 0;
};
enum Bare { bare };
struct Both {
  template <class Archive>
  void serialize(Archive& /*archive*/) {}
  template <class Archive>
  void save(Archive& /*archive*/) const {}
  template <class Archive>
  void load(Archive& /*archive*/) {}
};
struct WithPointer {
  int* a = nullptr;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(a);
  }
};

using Refused = REFUSED;

}  // namespace

void write(const Refused& value, std::vector<std::byte>& out) {
  prong::encode(value, out);
}

bool read(prong::Bytes bytes) {
  return static_cast<bool>(prong::decode<Refused>(bytes));
}
