#include "prong/actor/backend_actor.hpp"

#include "prong/actor/caf_error.hpp"
#include "prong/actor/caf_messages.hpp"
#include "prong/actor/detail/caf_loop.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/typed_response_promise.hpp>

#include <memory>
#include <optional>
#include <string>

namespace prong::actor::detail {

// One message of the intercom inside CAF: where it lies in the ring while it is activated in place, or a copy of its
// own while it waits in the mailbox.
struct Intercom {
  MessageHeader header;
  Bytes in_place;
  std::string copy;

  [[nodiscard]] Bytes payload() const noexcept { return copy.empty() ? in_place : as_bytes(copy); }
};

}  // namespace prong::actor::detail

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(prong::actor::detail::Intercom)

namespace prong::actor {
namespace {

using detail::Intercom;

class Receiver final : public caf::event_based_actor {
 public:
  Receiver(caf::actor_config& config, BackendActor::Handler handler, BackendActor::LocalHandler local)
      : event_based_actor{config}, handler_{std::move(handler)}, local_{std::move(local)} {}

  const char* name() const override { return "prong.backend"; }

  caf::behavior make_behavior() override {
    return {[this](const Intercom& message) { handler_(message.header, message.payload()); },
            [this](const MessageObject& message) -> caf::result<Value> {
              const auto promise = std::make_shared<caf::typed_response_promise<Value>>(make_response_promise<Value>());
              local_(message, [promise](Result<Value> value) {
                if (value)
                  promise->deliver(std::move(*value));
                else
                  promise->deliver(to_caf(value.error()));
              });
              return *promise;
            }};
  }

  // True where activating a message in place cannot overtake one that waits.
  [[nodiscard]] bool idle() noexcept { return mailbox().blocked(); }

 private:
  BackendActor::Handler handler_;
  BackendActor::LocalHandler local_;
};

}  // namespace

class BackendActor::Implementation {
 public:
  Implementation(loop::EventLoop& loop, Handler handler, LocalHandler local) {
    detail::use_loop(config_, loop);
    system_.emplace(config_);
    system_->await_actors_before_shutdown(false);
    unit_ = &static_cast<detail::LoopCoordinator&>(system_->scheduler()).unit();
    actor_ = system_->spawn<Receiver>(std::move(handler), std::move(local));
    receiver_ = static_cast<Receiver*>(caf::actor_cast<caf::abstract_actor*>(actor_));
    // The actor's own start is a job on the unit: behind it the mailbox is idle.
    while (unit_->work()) {
    }
  }
  ~Implementation() {
    caf::anon_send_exit(actor_, caf::exit_reason::user_shutdown);
    actor_ = nullptr;
    while (unit_->work()) {
    }
  }

  void deliver(const MessageHeader& header, Bytes payload) {
    if (!active_ && receiver_->idle()) {
      Intercom message{header, payload, {}};
      caf::mailbox_element_view<Intercom> element{nullptr, caf::make_message_id(), {}, message};
      active_ = true;
      const auto result = receiver_->activate(unit_, element);
      active_ = false;
      if (result != caf::scheduled_actor::activation_result::skipped) return;
    }
    actor_->enqueue(caf::make_mailbox_element(nullptr, caf::make_message_id(), {},
                                              Intercom{header, {}, std::string{as_text(payload)}}),
                    unit_);
  }

  [[nodiscard]] caf::event_based_actor& self() noexcept { return *receiver_; }

 private:
  caf::actor_system_config config_;
  std::optional<caf::actor_system> system_;
  detail::LoopUnit* unit_ = nullptr;
  caf::actor actor_;
  Receiver* receiver_ = nullptr;
  bool active_ = false;
};

BackendActor::BackendActor(loop::EventLoop& loop, Handler handler, LocalHandler local)
    : implementation_{std::make_unique<Implementation>(loop, std::move(handler), std::move(local))} {}

BackendActor::~BackendActor() = default;

void BackendActor::deliver(const MessageHeader& header, Bytes payload) {
  implementation_->deliver(header, payload);
}

caf::event_based_actor& BackendActor::self() noexcept {
  return implementation_->self();
}

}  // namespace prong::actor
