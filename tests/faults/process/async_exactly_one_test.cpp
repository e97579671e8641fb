// See exactly_one.hpp: here for coroutines, several at a time, which deadlines and cancels reach while they wait.
#include "exactly_one.hpp"

#include "process_test.hpp"
#include "prong/asio.hpp"

#include <boost/asio/steady_timer.hpp>

namespace prong {
namespace {

using tests::Entry;
using tests::SharedLedger;
using tests::Work;

class AsyncWorker : public AsyncBackMessageProcess {
 public:
  AsyncWorker(const SharedLedger& ledger, ProcessOptions options)
      : AsyncBackMessageProcess{"worker", options}, ledger_{ledger} {
    command<&AsyncWorker::c__work>("work", Concurrent{8}, "call"_a, "kind"_a, "amount"_a);
  }
  Future<std::string> work(std::uint32_t call_number, Work kind, std::uint32_t amount, Deadline deadline) {
    return call<&AsyncWorker::c__work>(call_number, kind, amount, deadline);
  }

 private:
  boost::asio::awaitable<std::string> c__work(std::uint32_t call_number, Work kind, std::uint32_t amount) {
    Entry& entry = ledger_[call_number];
    EXPECT_EQ(entry.begun.exchange(1), 0) << "a call ran twice";
    // However it is left: but for a kill, it has ended.
    const struct Leaving {
      Entry& entry;
      ~Leaving() { entry.ended = 1; }
    } leaving{entry};
    boost::asio::steady_timer timer{co_await boost::asio::this_coro::executor, std::chrono::microseconds{amount}};
    switch (kind) {
      case Work::at_once:
      case Work::large_value: break;
      case Work::some_time: co_await timer.async_wait(boost::asio::use_awaitable); break;
      case Work::until_cancelled:
        timer.expires_after(20 * std::chrono::microseconds{amount});
        co_await timer.async_wait(boost::asio::use_awaitable);
        break;
      case Work::fail: co_await timer.async_wait(boost::asio::use_awaitable); throw std::runtime_error{"as asked"};
    }
    co_return std::string(kind == Work::large_value ? amount : 1, 'x');
  }

  const SharedLedger& ledger_;
};

using ExactlyOneAsync = tests::ProcessTest;

TEST_F(ExactlyOneAsync, every_call_ends_once_and_its_outcome_agrees_with_the_ledger) {
  tests::run_rounds<AsyncWorker>(
      30, {"value", "failed", "not_delivered without a run", "outcome_unknown", "deadline_exceeded",
           "deadline_exceeded without a run", "cancelled", "cancelled without a run"});
}

}  // namespace
}  // namespace prong
