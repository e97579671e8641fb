#include "prong/process/exclog.hpp"

#include "prong/actor/command_table.hpp"

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include <exception>

namespace prong {
namespace detail {

bool is_cancellation(const std::exception_ptr& thrown) noexcept {
  try {
    std::rethrow_exception(thrown);
  } catch (const boost::system::system_error& error) {
    return error.code() == boost::asio::error::operation_aborted;
  } catch (const Exception& exception) {
    return exception.code() == Errc::cancelled;
  } catch (...) {
    return false;
  }
}

}  // namespace detail

namespace {

void log(Logger& logger, const std::string& name, const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (...) {
    logger.error("{}", actor::current_exception_error("coroutine", name).message());
  }
}

}  // namespace

boost::asio::awaitable<void> exclog(Logger& logger, std::string name, boost::asio::awaitable<void> coroutine) {
  std::exception_ptr thrown;
  try {
    co_await std::move(coroutine);
  } catch (...) {
    thrown = std::current_exception();
  }
  if (!thrown) co_return;
  const bool cancelled =
      (co_await boost::asio::this_coro::cancellation_state).cancelled() != boost::asio::cancellation_type::none;
  if (!cancelled || !detail::is_cancellation(thrown)) log(logger, name, thrown);
}

}  // namespace prong
