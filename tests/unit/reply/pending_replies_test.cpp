#include "prong/reply/pending_replies.hpp"

#include "prong/reply/future.hpp"

#include <gtest/gtest.h>

namespace prong {
namespace {

using namespace std::chrono_literals;

class NoDriver final : public Driver {
 public:
  void drive(ReplyState&, Deadline) override {}
  void expire(ReplyState& state) override { state.fail(Error{Errc::deadline_exceeded, "late"}); }
  bool cancel(ReplyState& state) override { return state.fail(Error{Errc::cancelled, "given up"}); }
  bool attached() const noexcept override { return false; }
};

class PendingReplies_ : public ::testing::Test {
 protected:
  ReplyReference add(Deadline deadline = Deadline::never()) {
    ReplyReference reply = make_remote_reply(driver, deadline);
    EXPECT_TRUE(pending.try_add(reply));
    return reply;
  }

  NoDriver driver;
  PendingReplies pending{3};
};

TEST_F(PendingReplies_, finds_each_request_once_and_under_its_own_number_only) {
  const ReplyReference first = add();
  const ReplyReference second = add();

  EXPECT_EQ(pending.take(first->request()).get(), first.get());
  EXPECT_FALSE(pending.take(first->request()));
  EXPECT_FALSE(pending.take(RequestNumber{first->request().slot(), 2}));
  EXPECT_FALSE(pending.take(RequestNumber{}));
  EXPECT_FALSE(pending.take(RequestNumber{UINT64_MAX}));
  EXPECT_EQ(pending.size(), 1U);
  EXPECT_TRUE(pending.holds(second->request()));
}

TEST_F(PendingReplies_, is_bounded_and_gives_a_freed_slot_a_new_number) {
  const ReplyReference replies[] = {add(), add(), add()};

  EXPECT_FALSE(pending.has_room());
  EXPECT_FALSE(pending.try_add(make_remote_reply(driver, Deadline::never())));
  EXPECT_TRUE(pending.take(replies[1]->request()));
  const ReplyReference next = add();

  EXPECT_EQ(next->request().slot(), replies[1]->request().slot());
  EXPECT_GT(next->request().value(), replies[1]->request().value());
}

TEST_F(PendingReplies_, knows_the_late_reply_of_an_abandoned_request_from_one_that_nobody_asked_for) {
  const ReplyReference given_up = add();
  EXPECT_FALSE(pending.take_late(given_up->request()));

  EXPECT_TRUE(pending.abandon(given_up->request()));
  const ReplyReference next = add();
  ASSERT_EQ(next->request().slot(), given_up->request().slot());

  EXPECT_FALSE(pending.take(given_up->request()));
  EXPECT_FALSE(pending.take_late(RequestNumber{given_up->request().slot(), 9}));
  EXPECT_TRUE(pending.take_late(given_up->request()));
  EXPECT_FALSE(pending.take_late(given_up->request()));
  EXPECT_TRUE(pending.holds(next->request()));
}

TEST_F(PendingReplies_, tells_which_deadlines_have_passed_and_which_comes_next) {
  const ReplyReference late = add(Deadline::now());
  const ReplyReference hour = add(Deadline::after(1h));
  const ReplyReference day = add(Deadline::after(24h));

  std::vector<ReplyReference> passed;
  const Deadline next = pending.find_passed(passed);

  ASSERT_EQ(passed.size(), 1U);
  EXPECT_EQ(passed[0].get(), late.get());
  EXPECT_EQ(next, hour->deadline());
}

TEST_F(PendingReplies_, take_all_leaves_nothing_and_no_late_reply_is_expected) {
  const ReplyReference abandoned = add();
  EXPECT_TRUE(pending.abandon(abandoned->request()));
  const ReplyReference kept[] = {add(), add()};

  EXPECT_EQ(pending.take_all().size(), 2U);

  EXPECT_EQ(pending.size(), 0U);
  EXPECT_FALSE(pending.take_late(abandoned->request()));
  EXPECT_FALSE(pending.holds(kept[0]->request()));
}

}  // namespace
}  // namespace prong
