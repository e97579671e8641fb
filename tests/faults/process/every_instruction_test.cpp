// A backend that is killed after any instruction of what it does between two handlers: it sends the first one's answer,
// receives the second call and begins it. Its callers are told what happened, and its successor serves them.
//
// Each shard kills after other instructions.
#include "every_instruction.hpp"
#include "prong/process/message_process.hpp"

namespace prong {
namespace {

using namespace std::chrono_literals;
using tests::SingleStep;
using tests::StepLedger;

constexpr std::uint64_t shards = 8;
constexpr int second_begun = 1;

class Stepped : public MessageProcess {
 public:
  explicit Stepped(StepLedger& ledger) : MessageProcess{"stepped"}, ledger_{ledger} {
    command<&Stepped::c__first>("first", "text"_a);
    command<&Stepped::c__second>("second", "text"_a);
    command<&Stepped::c__third>("third", "text"_a);
  }
  Future<std::string> first(const std::string& text) { return call<&Stepped::c__first>(text); }
  Future<std::string> second(const std::string& text) { return call<&Stepped::c__second>(text); }
  Future<std::string> third(const std::string& text) { return call<&Stepped::c__third>(text); }

 private:
  std::string c__first(const std::string& text) {
    SingleStep::wait_for_tracer();
    send_out({"told", {{"text", text}}});
    return "first " + text;
  }
  std::string c__second(const std::string& text) {
    ledger_.reached = second_begun;
    return "second " + text;
  }
  std::string c__third(const std::string& text) { return "third " + text; }

  StepLedger& ledger_;
};

class EveryInstructionOfAProcess : public tests::EveryInstruction, public ::testing::WithParamInterface<std::uint64_t> {
 protected:
  // Has a backend step `count` instructions, kills it, and looks at what everybody was told. Returns how many there
  // are.
  std::uint64_t kill_after(std::uint64_t count) {
    Stepped process{ledger};
    process.start();
    auto first = process.first(text_);
    auto second = process.second(text_);
    const std::uint64_t ran = step(process.pid(), count);
    process.kill();
    check_first(first.result());
    check_second(second.result());
    check_message(process);
    EXPECT_TRUE(process.restart(Deadline::after(20s)));
    EXPECT_EQ(process.third(text_).get(), "third " + text_);
    EXPECT_FALSE(process.pipe().try_receive().value()) << "a message came twice";
    EXPECT_TRUE(process.stop(Deadline::after(20s)));
    return ran;
  }

 private:
  std::uint64_t step(pid_t pid, std::uint64_t count) {
    SingleStep stepper{pid};
    return stepper.run(count, [this] { return ledger.reached == second_begun; });
  }
  void check_first(const Result<std::string>& result) {
    if (result) {
      EXPECT_EQ(*result, "first " + text_);
      return;
    }
    EXPECT_EQ(result.error().outcome(), Outcome::outcome_unknown) << result.error().message();
    EXPECT_TRUE(result.error().may_have_run());
    expect_killed(result.error());
  }
  void check_second(const Result<std::string>& result) {
    ASSERT_FALSE(result) << "it was killed before it could answer";
    EXPECT_TRUE(result.error().may_have_run() || ledger.reached != second_begun)
        << "it ran, and its caller was told it did not";
    EXPECT_EQ(result.error().outcome(),
              result.error().may_have_run() ? Outcome::outcome_unknown : Outcome::not_delivered);
    expect_killed(result.error());
  }
  void expect_killed(const Error& error) {
    ASSERT_NE(error.death(), nullptr) << error.message();
    EXPECT_EQ(error.death()->signal, SIGKILL);
  }
  // It is there whole or not at all.
  void check_message(Stepped& process) {
    const auto message = process.pipe().try_receive();
    if (!message) return expect_killed(message.error());
    ASSERT_TRUE(*message);
    EXPECT_EQ((**message)["text"].as<std::string>(), text_);
  }

  std::string text_ = std::string(300, 'x');
};

TEST_P(EveryInstructionOfAProcess, of_an_answer_and_the_next_call_may_be_the_last) {
  kill_everywhere(101, GetParam(), shards, [this](std::uint64_t count) { return kill_after(count); });
}

INSTANTIATE_TEST_SUITE_P(Shard, EveryInstructionOfAProcess, ::testing::Range(std::uint64_t{0}, shards));

}  // namespace
}  // namespace prong
