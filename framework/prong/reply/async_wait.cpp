#include "prong/reply/async_wait.hpp"

#include <boost/asio/execution_context.hpp>

#include <fcntl.h>

namespace prong::detail {
namespace {

// Asio tells its services when a context goes, and nobody else.
class Service final : public boost::asio::execution_context::service {
 public:
  using key_type = Service;
  static boost::asio::execution_context::id id;

  explicit Service(boost::asio::execution_context& context) : service{context} {}

  [[nodiscard]] const std::shared_ptr<AsyncWaits>& waits() const noexcept { return waits_; }

 private:
  void shutdown() override { waits_->abandon_all(); }

  std::shared_ptr<AsyncWaits> waits_ = std::make_shared<AsyncWaits>();
};

boost::asio::execution_context::id Service::id;

}  // namespace

std::shared_ptr<AsyncWaits> AsyncWaits::of(boost::asio::execution_context& context) {
  return boost::asio::use_service<Service>(context).waits();
}

AsyncWaits::Place AsyncWaits::add(std::shared_ptr<AnyAsyncWait> wait) {
  const std::lock_guard lock{mutex_};
  return waits_.insert(waits_.end(), std::move(wait));
}

void AsyncWaits::abandon_all() noexcept {
  std::list<std::shared_ptr<AnyAsyncWait>> all;
  {
    const std::lock_guard lock{mutex_};
    gone_ = true;
    all.swap(waits_);
  }
  for (const auto& wait : all) wait->abandon();
}

int duplicate(int descriptor) {
  const int other = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  if (other < 0) throw_error(Error::from_errno("fcntl"));
  return other;
}

std::exception_ptr exception_of(const Error& error) noexcept {
  try {
    throw_error(error);
  } catch (...) {
    return std::current_exception();
  }
}

}  // namespace prong::detail
