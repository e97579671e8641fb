#include "prong/actor/proxy_actor.hpp"

#include "prong/actor/caf_error.hpp"
#include "prong/actor/caf_messages.hpp"

#include <caf/actor.hpp>
#include <caf/actor_proxy.hpp>
#include <caf/actor_system.hpp>
#include <caf/exit_reason.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/make_actor.hpp>
#include <caf/sec.hpp>
#include <caf/system_messages.hpp>

namespace prong::actor {
namespace {

class Proxy final : public caf::actor_proxy {
 public:
  Proxy(caf::actor_config& config, std::shared_ptr<ProxyGate> gate) : actor_proxy{config}, gate_{std::move(gate)} {}

  const char* name() const override { return "prong.proxy"; }

  void enqueue(caf::mailbox_element_ptr element, caf::execution_unit* unit) override {
    auto& content = element->content();
    if (content.match_elements<MessageObject>()) {
      forward(*element, content.get_as<MessageObject>(0), unit);
    } else if (content.match_elements<caf::exit_msg>()) {
      exit(content.get_as<caf::exit_msg>(0));
    } else if (!handle_system_message(*element, unit, true)) {
      respond(*element, caf::make_message(caf::make_error(caf::sec::unexpected_message)));
    }
  }

  void kill_proxy(caf::execution_unit* unit, caf::error reason) override { cleanup(std::move(reason), unit); }

 private:
  void forward(caf::mailbox_element& element, const MessageObject& message, caf::execution_unit* /*unit*/) {
    const bool is_request = element.mid.is_request();
    const bool open = gate_->pass([&](ProxyTarget& target) {
      if (!is_request) {
        // Nobody waits for an answer, so nobody can be told: whoever must know sends a request.
        static_cast<void>(target.proxy_send(message));
        return;
      }
      target.proxy_request(message, [sender = element.sender, id = element.mid.response_id(),
                                     self = caf::strong_actor_ptr{ctrl()}](Result<Value> value) {
        caf::message answer = value ? caf::make_message(std::move(*value)) : caf::make_message(to_caf(value.error()));
        if (sender) sender->enqueue(self, id, std::move(answer), nullptr);
      });
    });
    if (!open) respond(element, caf::make_message(caf::make_error(caf::sec::request_receiver_down)));
  }

  void exit(const caf::exit_msg& message) {
    if (message.reason == caf::exit_reason::normal) return;
    gate_->pass([&](ProxyTarget& target) {
      if (message.reason == caf::exit_reason::kill)
        target.proxy_kill();
      else
        target.proxy_stop();
    });
  }

  void respond(caf::mailbox_element& element, caf::message answer) {
    if (element.mid.is_request() && element.sender)
      element.sender->enqueue(ctrl(), element.mid.response_id(), std::move(answer), nullptr);
  }

  std::shared_ptr<ProxyGate> gate_;
};

}  // namespace

class ProxyActor::Implementation {
 public:
  Implementation(caf::actor_system& home, std::shared_ptr<ProxyGate> gate) : system{home} {
    caf::actor_config config;
    actor = caf::make_actor<Proxy, caf::actor>(home.next_actor_id(), home.node(), &home, config, std::move(gate));
  }

  caf::actor_system& system;
  caf::actor actor;
};

ProxyActor::ProxyActor(caf::actor_system& system, std::shared_ptr<ProxyGate> gate)
    : implementation_{std::make_unique<Implementation>(system, std::move(gate))} {}

ProxyActor::~ProxyActor() = default;

caf::actor ProxyActor::handle() const {
  return implementation_->actor;
}

bool ProxyActor::belongs_to(const caf::actor_system& system) const noexcept {
  return &implementation_->system == &system;
}

void ProxyActor::close(const Error* why) {
  auto* const proxy = static_cast<Proxy*>(caf::actor_cast<caf::abstract_actor*>(implementation_->actor));
  caf::error reason = why != nullptr ? to_caf(*why) : caf::make_error(caf::exit_reason::normal);
  proxy->kill_proxy(nullptr, std::move(reason));
}

}  // namespace prong::actor
