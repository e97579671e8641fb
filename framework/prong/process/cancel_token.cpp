#include "prong/process/cancel_token.hpp"

#include "prong/base/exception.hpp"
#include "prong/link/backend_link.hpp"

namespace prong {

bool CancelToken::cancelled_by_caller() const noexcept {
  return link_ != nullptr && link_->asked_to_end(request_);
}

void CancelToken::throw_if_cancelled() const {
  if (cancelled_by_caller()) throw Cancelled{Error{Errc::cancelled, "the caller cancelled the call"}};
  if (deadline_.has_passed()) throw Cancelled{Error{Errc::cancelled, "the call's deadline has passed"}};
}

}  // namespace prong
