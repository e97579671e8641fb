#include "prong/base/exception.hpp"

#include "prong/base/result.hpp"

namespace prong {

void throw_error(Error error) {
  if (error.death() != nullptr) throw ProcessExpired{std::move(error)};
  if (error.remote() != nullptr) throw RemoteException{std::move(error)};
  if (error.code() == Errc::deadline_exceeded) throw DeadlineExceeded{std::move(error)};
  if (error.code() == Errc::cancelled) throw Cancelled{std::move(error)};
  throw Exception{std::move(error)};
}

void throw_exception_from_error(const Error& error, const boost::source_location& /*where*/) {
  throw_error(error);
}

}  // namespace prong
