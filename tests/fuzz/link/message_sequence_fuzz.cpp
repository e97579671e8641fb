// A frontend's link against a backend that sends whatever it likes, in any order: answers that nobody asked for, the
// same one twice, fragments without an end, lengths that lie, kinds that only a frontend sends.
#include "allocation_count.hpp"
#include "prong/link/frontend_link.hpp"
#include "prong/os/event_fd.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace prong::link {
namespace {

using transport::Lane;
using transport::Port;
using transport::Side;

void demand(bool promise, const char* what) {
  if (promise) return;
  std::fprintf(stderr, "broken promise: %s\n", what);
  std::abort();
}

// Reads the input from front to back; behind its end there are zeros.
class Script {
 public:
  explicit Script(Bytes input) noexcept : left_{input} {}
  [[nodiscard]] bool over() const noexcept { return left_.empty(); }
  Bytes bytes(std::size_t count) noexcept {
    const Bytes taken = left_.first(std::min(count, left_.size()));
    left_ = left_.subspan(taken.size());
    return taken;
  }
  template <class Number>
  Number number() noexcept {
    Number value{};
    const Bytes from = bytes(sizeof value);
    std::memcpy(&value, from.data(), from.size());
    return value;
  }

 private:
  Bytes left_;
};

class Life final : public PeerLife {
 public:
  Error peer_gone() override { return Error{Errc::process_expired, "the peer is gone"}; }
  void peer_is_bad(const Error& why) override {
    demand(!why.message().empty(), "who breaks the protocol is told how");
    ++bad;
  }
  void control_message(const MessageHeader&, Bytes) override {}
  void peer_replaced() override {}
  void call_is_late(RequestNumber) override {}
  Deadline do_due() override { return Deadline::never(); }
  void reader_turn() override {}

  int bad = 0;
};

class Attack {
 public:
  explicit Attack(Bytes input) : script_{input} {
    demand(static_cast<bool>(link_->peer_started(death_.descriptor())), "the peer starts");
  }

  void run() {
    while (!script_.over()) step();
    death_.set();
    receive();
    demand(static_cast<bool>(link_->wait_closed(Deadline::after(std::chrono::seconds{5}))), "the end is noticed");
    for (const ReplyReference& reply : replies_) demand(reply->ready(), "every call ends");
    demand(life_.bad <= 1, "a peer is told once that it is bad");
    demand(link_->pending() == 0, "nothing is pending behind the end");
  }

 private:
  static constexpr LinkOptions options() {
    return {.ring_bytes = 4096, .max_message_bytes = 65'536, .out_window_bytes = 4096, .when_full = WhenFull::reject};
  }

  void step() {
    switch (script_.number<std::uint8_t>() % 8) {
      case 0:
        if (replies_.size() < 16)
          replies_.push_back(link_->request({.kind = MessageKind::call}, {}, Deadline::after(std::chrono::hours{1})));
        return;
      case 1:
      case 2: return send_message();
      case 3: return push(script_.bytes(script_.number<std::uint8_t>()), {}, Lane::data);
      case 4:
        if (!replies_.empty()) static_cast<void>(link_->cancel(*pick().get()));
        return;
      case 5: return peer_.publish_progress(script_.number<std::uint8_t>() % 3, script_.number<std::uint64_t>());
      default: return receive();
    }
  }

  ReplyReference& pick() { return replies_[script_.number<std::uint8_t>() % replies_.size()]; }

  // A header of any kind; it names a call that was made, or any number, and says its length or lies.
  void send_message() {
    const auto choice = script_.number<std::uint8_t>();
    MessageHeader header{.kind = static_cast<MessageKind>(script_.number<std::uint8_t>()),
                         .flags = static_cast<MessageFlags>(script_.number<std::uint8_t>())};
    if ((choice & 1) == 0 && !replies_.empty())
      header.request = pick()->request().value();
    else
      header.request = script_.number<std::uint64_t>();
    const Bytes payload = script_.bytes(script_.number<std::uint8_t>());
    header.length = (choice & 2) == 0 ? static_cast<std::uint32_t>(payload.size()) : script_.number<std::uint32_t>();
    std::array<std::byte, sizeof(MessageHeader)> bytes;
    write_header(header, bytes);
    push(bytes, payload, (choice & 4) == 0 ? Lane::data : Lane::control);
    if ((choice & 8) != 0) push(bytes, payload, Lane::data);  // once more
  }

  void push(Bytes first, Bytes second, Lane lane) {
    if (first.size() + second.size() > peer_.max_record_size(lane)) return;
    static_cast<void>(peer_.try_send(lane, first, second));
    peer_.flush(lane);
    sent_ += first.size() + second.size();
  }

  void receive() {
    const test::AllocationCount count;
    static_cast<void>(link_->receive(Box::out, Deadline::now()));
    static_cast<void>(link_->receive(Box::return_out, Deadline::now()));
    demand(count.bytes() <= 4 * sent_ + 64 * 1024, "at most 4 times what was sent and 64 KiB are allocated");
  }

  Script script_;
  Life life_;
  os::EventFd death_ = os::EventFd::create().value();
  std::unique_ptr<FrontendLink> link_ = FrontendLink::create("fuzz", options(), life_).value();
  Port peer_ = Port::open(link_->segment(), Side::backend).value();
  std::vector<ReplyReference> replies_;
  std::size_t sent_ = 0;
};

}  // namespace
}  // namespace prong::link

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  prong::link::Attack{prong::Bytes{reinterpret_cast<const std::byte*>(data), size}}.run();
  return 0;
}
