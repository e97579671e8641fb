// A numeric array in shared memory, changed by a worker while the frontend waits for it.
#include "prong/os/shared_memory.hpp"
#include "prong/prong.hpp"

#include <iostream>
#include <numeric>
#include <span>

using namespace prong::literals;
using namespace std::chrono_literals;

class ArrayWorker : public prong::MessageProcess {
 public:
  // The memory is made before the fork, so both sides have it, at the same address. It has no name that could be left
  // behind in /dev/shm.
  explicit ArrayWorker(std::size_t size)
      : MessageProcess{"array"},
        mapping_{prong::os::SharedMemory::create("array", size * sizeof(double))
                     .value()
                     .map(prong::os::Access::read_write)
                     .value()},
        array_{reinterpret_cast<double*>(mapping_.data()), size} {
    command<&ArrayWorker::c__scale>("scale", "factor"_a);
  }

  prong::Future<void> scale(double factor) { return call<&ArrayWorker::c__scale>(factor); }
  [[nodiscard]] std::span<double> array() const { return array_; }

 private:
  void c__scale(double factor) {
    for (double& value : array_) value *= factor;
  }

  prong::os::Mapping mapping_;
  std::span<double> array_;
};

int main() {
  ArrayWorker worker{1'000'000};
  worker.start();

  std::iota(worker.array().begin(), worker.array().end(), 0.0);
  worker.scale(2).get();  // the frontend does not touch the array until the reply is there
  worker.scale(0.25).get();

  std::cout << "array[10] is " << worker.array()[10] << '\n';
  std::cout << "the sum is " << std::accumulate(worker.array().begin(), worker.array().end(), 0.0) / 1e9
            << " thousand millions\n";
  return worker.stop() ? 0 : 1;
}
