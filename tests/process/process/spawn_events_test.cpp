// Events that were made when the program had been running for long, for processes that are spawned later.
#include "process_test.hpp"
#include "prong/base/exception.hpp"
#include "prong/process/fork_server.hpp"
#include "prong/process/spawn.hpp"
#include "prong/sync/event_group.hpp"

#include <unistd.h>

namespace prong {
namespace {

using namespace std::chrono_literals;

Deadline soon() {
  return Deadline::after(20s);
}

class Setter : public MessageProcess {
 public:
  explicit Setter(EventGroup events) : MessageProcess{"setter"}, events_{std::move(events)} {
    command<&Setter::c__set>("set", "event"_a);
    command<&Setter::c__wait>("wait", "event"_a);
    command<&Setter::c__reserve>("reserve");
  }
  Future<void> set(EventIndex event) { return call<&Setter::c__set>(event); }
  Future<void> wait(EventIndex event) { return call<&Setter::c__wait>(event, soon()); }
  Future<std::string> reserve() { return call<&Setter::c__reserve>(); }

 private:
  void c__set(EventIndex event) { events_.set(event).value(); }
  void c__wait(EventIndex event) { events_.from_index(event).value().wait(soon()).value(); }
  std::string c__reserve() { return std::string{name_of(events_.reserve().error().code())}; }

  EventGroup events_;
};

class SpawnEvents : public tests::ProcessTest, public ::testing::WithParamInterface<EventKind> {};

TEST_P(SpawnEvents, that_were_made_late_wake_either_side) {
  const ForkServer server;
  EventGroup events{4, GetParam()};  // behind the snapshot
  const auto process = spawn<Setter>(events);
  const ReservedEvent theirs = events.reserve().value();
  const ReservedEvent ours = events.reserve().value();

  auto set = process->set(theirs.index);
  EXPECT_TRUE(theirs.event.wait(*process, soon()));
  set.get();
  auto waiting = process->wait(ours.index);
  ASSERT_TRUE(ours.event.set());
  waiting.get();
  EXPECT_EQ(process->reserve().get(), "wrong_process");

  ASSERT_TRUE(events.release(theirs.index));
  EXPECT_THROW(process->set(theirs.index).get(), RemoteException) << "it was released";
  ASSERT_TRUE(events.release(ours.index));
}

TEST_P(SpawnEvents, are_there_for_a_successor_though_the_program_has_let_go_of_them) {
  const ForkServer server;
  std::unique_ptr<Setter> process;
  EventGroup copy = [&] {
    EventGroup events{2, GetParam()};
    process = spawn<Setter>(events);
    return events;
  }();
  process->kill();
  ASSERT_FALSE(process->wait_stop(soon()));
  ASSERT_TRUE(process->restart(soon()));
  const ReservedEvent reserved = copy.reserve().value();

  process->set(reserved.index).get();

  EXPECT_TRUE(reserved.event.wait(*process, soon()));
}

TEST_P(SpawnEvents, wait_for_one_ends_with_the_process) {
  const ForkServer server;
  EventGroup events{1, GetParam()};
  const auto process = spawn<Setter>(events);
  const ReservedEvent reserved = events.reserve().value();
  ASSERT_TRUE(process->wait_ready(soon()));
  process->kill();

  EXPECT_EQ(reserved.event.wait(*process, soon()).error().code(), Errc::process_expired);
}

TEST_P(SpawnEvents, too_many_for_one_packet_are_refused) {
  const ForkServer server;
  const EventGroup events{1'000, GetParam()};

  try {
    static_cast<void>(spawn<Setter>(events));
    FAIL() << "a thousand descriptors are more than go at a time";
  } catch (const Exception& refused) {
    EXPECT_EQ(refused.error().code(), Errc::too_large) << refused.what();
  }
}

TEST_P(SpawnEvents, ticket_that_does_not_fit_its_descriptors_opens_nothing) {
  using sync::detail::EventTicket;
  using sync::detail::EventTravel;
  const EventGroup events{100, GetParam()};
  const EventTicket good = EventTravel::ticket_of(events).value();
  const auto open = [&](auto change) {
    EventTicket ticket = good;
    ticket.memory = ::dup(ticket.memory);
    for (auto& number : ticket.events) number = ::dup(number);
    const EventTicket given = ticket;
    change(ticket);
    const auto opened = EventTravel::open(ticket);
    // What was refused may have been closed or not: this test closes what is left.
    ::close(given.memory);
    for (const int number : given.events) ::close(number);
    return opened ? Errc::stopped : opened.error().code();
  };

  EXPECT_EQ(open([](EventTicket& ticket) { ticket.kind = 7; }), Errc::bad_message);
  EXPECT_EQ(open([](EventTicket& ticket) { ticket.events.clear(); }), Errc::bad_message);
  EXPECT_EQ(open([](EventTicket& ticket) { ticket.events.resize(200, -1); }), Errc::bad_message);
}

INSTANTIATE_TEST_SUITE_P(Of, SpawnEvents, ::testing::Values(EventKind::shared, EventKind::descriptor),
                         [](const auto& of) { return of.param == EventKind::shared ? "shared" : "descriptor"; });

}  // namespace
}  // namespace prong
