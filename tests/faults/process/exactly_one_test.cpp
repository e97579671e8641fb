// See exactly_one.hpp: here for plain handlers.
#include "exactly_one.hpp"

#include "process_test.hpp"

namespace prong {
namespace {

using namespace std::chrono_literals;
using tests::Entry;
using tests::SharedLedger;
using tests::Work;

class Worker : public MessageProcess {
 public:
  Worker(const SharedLedger& ledger, ProcessOptions options) : MessageProcess{"worker", options}, ledger_{ledger} {
    command<&Worker::c__work>("work", "call"_a, "kind"_a, "amount"_a);
  }
  Future<std::string> work(std::uint32_t call_number, Work kind, std::uint32_t amount, Deadline deadline) {
    return call<&Worker::c__work>(call_number, kind, amount, deadline);
  }

 private:
  std::string c__work(std::uint32_t call_number, Work kind, std::uint32_t amount) {
    Entry& entry = ledger_[call_number];
    EXPECT_EQ(entry.begun.exchange(1), 0) << "a call ran twice";
    const auto until = Deadline::after(std::chrono::microseconds{amount});
    switch (kind) {
      case Work::at_once:
      case Work::large_value: break;
      case Work::some_time:
        while (!until.has_passed()) {
        }
        break;
      case Work::until_cancelled:
        while (!until.has_passed() && !cancelled_or_stopping()) ::sched_yield();
        entry.ended = 1;
        throw_if_cancelled();
        break;
      case Work::fail: entry.ended = 1; throw std::runtime_error{"as asked"};
    }
    entry.ended = 1;
    return std::string(kind == Work::large_value ? amount : 1, 'x');
  }

  const SharedLedger& ledger_;
};

using ExactlyOne = tests::ProcessTest;

TEST_F(ExactlyOne, every_call_ends_once_and_its_outcome_agrees_with_the_ledger) {
  tests::run_rounds<Worker>(30,
                            {"value", "failed", "not_delivered without a run", "outcome_unknown", "deadline_exceeded",
                             "deadline_exceeded without a run", "cancelled without a run", "overloaded without a run"});
}

}  // namespace
}  // namespace prong
