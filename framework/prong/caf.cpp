#include "prong/caf.hpp"

#include "prong/actor/proxy_actor.hpp"

#include "prong/actor/caf_error.hpp"

namespace prong {

caf::actor MessageProcess::actor(caf::actor_system& system) {
  return proxy(system).handle();
}

Error error_of(const caf::error& error) {
  if (error.category() == actor::error_category && error.context().match_elements<std::string>())
    return Error{static_cast<Errc>(error.code()), error.context().get_as<std::string>(0)};
  return Error{Errc::invalid_state, caf::to_string(error)};
}

}  // namespace prong
