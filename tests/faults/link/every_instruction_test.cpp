// A backend that is killed after any instruction of sending a message, or of receiving one.
#include "every_instruction.hpp"
#include "prong/link/connection.hpp"

namespace prong::link {
namespace {

using transport::Lane;
using transport::Port;
using transport::Segment;
using transport::Side;

class EveryInstructionOfALink : public tests::EveryInstruction {
 protected:
  // A segment and the frontend's end.
  struct Front {
    Segment segment = Segment::create("steps", {.data_bytes = 16'384}).value();
    Connection connection{Port::open(segment, Side::frontend).value(), Trust::untrusted, 1 << 20};
  };
  static std::shared_ptr<Connection> back(const Front& front) {
    return std::make_shared<Connection>(Port::open(front.segment, Side::backend).value(), Trust::trusted, 1 << 20);
  }
  static Result<void> send(Connection& connection, std::uint64_t number) {
    const std::string text = text_of(number);
    return connection.send(Lane::data, {.kind = MessageKind::out, .request = number}, as_bytes(text), WhenFull::reject,
                           Deadline::now(), {});
  }
  // Longer than a cache line, and different in each.
  static std::string text_of(std::uint64_t number) { return std::string(300, static_cast<char>('a' + number)); }

  static std::vector<std::uint64_t> receive_all(Connection& connection) {
    std::vector<std::uint64_t> numbers;
    const auto count = connection.receive(100, [&](const MessageHeader& header, Bytes payload) {
      EXPECT_EQ(as_text(payload), text_of(header.request));
      numbers.push_back(header.request);
      return true;
    });
    EXPECT_TRUE(count) << count.error().message();
    return numbers;
  }
};

TEST_F(EveryInstructionOfALink, of_sending_leaves_the_message_whole_or_not_at_all) {
  kill_everywhere(7, 0, 1, [this](std::uint64_t count) {
    Front front;
    const std::uint64_t ran = kill_child_in(
        [&] {
          auto connection = back(front);
          EXPECT_TRUE(send(*connection, 1));
          return [this, connection] {
            if (send(*connection, 2)) ledger.seen = 2;
          };
        },
        count);

    const auto arrived = receive_all(front.connection);
    if (ledger.seen == 2 || arrived.size() == 2)
      EXPECT_EQ(arrived, (std::vector<std::uint64_t>{1, 2}));
    else
      EXPECT_EQ(arrived, std::vector<std::uint64_t>{1});
    return ran;
  });
}

TEST_F(EveryInstructionOfALink, of_receiving_leaves_a_frontend_that_can_send) {
  kill_everywhere(7, 0, 1, [this](std::uint64_t count) {
    Front front;
    EXPECT_TRUE(send(front.connection, 1));
    EXPECT_TRUE(send(front.connection, 2));
    const std::uint64_t ran = kill_child_in(
        [&] {
          auto connection = back(front);
          return [this, connection] {
            static_cast<void>(connection->receive(2, [this](const MessageHeader& header, Bytes payload) {
              if (as_text(payload) == text_of(header.request)) ledger.seen += 1;
              return true;
            }));
          };
        },
        count);

    // What the dead one has not given back is never given back: the lane becomes full, and stays whole.
    std::uint64_t sent = 2;
    Result<void> last;
    do {
      last = send(front.connection, 3 + sent++ % 20);
    } while (last);
    EXPECT_EQ(last.error().code(), Errc::overloaded) << last.error().message();
    EXPECT_GE(sent, 16'384 / (text_of(1).size() + 64)) << "there was more room";
    EXPECT_LE(ledger.seen, 2U);
    EXPECT_EQ(receive_all(front.connection), std::vector<std::uint64_t>{});
    return ran;
  });
}

}  // namespace
}  // namespace prong::link
