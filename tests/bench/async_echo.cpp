// How fast a backend of coroutines echoes bytes, as a ratio to one of plain handlers, both measured in turn in one run.
//
//   async_echo [BYTES [ECHOES [ROUNDS]]]
#include "prong/asio.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

using namespace prong::literals;
using Bytes = std::vector<std::uint8_t>;

class PlainEcho : public prong::MessageProcess {
 public:
  PlainEcho() : MessageProcess{"plain"} { command<&PlainEcho::c__echo>("echo", "bytes"_a); }
  prong::Future<Bytes> echo(const Bytes& bytes) { return call<&PlainEcho::c__echo>(bytes); }

 private:
  Bytes c__echo(Bytes bytes) { return bytes; }
};

class AsyncEcho : public prong::AsyncBackMessageProcess {
 public:
  AsyncEcho() : AsyncBackMessageProcess{"async"} { command<&AsyncEcho::c__echo>("echo", "bytes"_a); }
  prong::Future<Bytes> echo(const Bytes& bytes) { return call<&AsyncEcho::c__echo>(bytes); }

 private:
  boost::asio::awaitable<Bytes> c__echo(Bytes bytes) { co_return bytes; }
};

// Returns microseconds per echo.
template <class Process>
double measure(Process& process, const Bytes& bytes, int echoes) {
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < echoes; ++i) {
    if (process.echo(bytes).get() == bytes) continue;
    std::fputs("an echo is not what was sent\n", stderr);
    std::exit(1);
  }
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count() / echoes;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int count, char** arguments) {
  const auto argument = [&](int number, int usual) { return count > number ? std::atoi(arguments[number]) : usual; };
  const Bytes bytes(static_cast<std::size_t>(argument(1, 1'000'000)), 'x');
  const int echoes = argument(2, 100);
  const int rounds = argument(3, 15);
  PlainEcho plain;
  AsyncEcho async;
  plain.start();
  async.start();
  measure(plain, bytes, echoes);
  measure(async, bytes, echoes);

  std::vector<double> of_plain, of_async, ratios;
  for (int round = 0; round < rounds; ++round) {
    of_plain.push_back(measure(plain, bytes, echoes));
    of_async.push_back(measure(async, bytes, echoes));
    ratios.push_back(of_async.back() / of_plain.back());
  }

  std::sort(ratios.begin(), ratios.end());
  std::printf("%zu bytes: plain %.1f us, coroutine %.1f us; ratio %.2f (%.2f to %.2f in %d rounds)\n", bytes.size(),
              median(of_plain), median(of_async), median(ratios), ratios.front(), ratios.back(), rounds);
  return plain.stop() && async.stop() ? 0 : 1;
}
