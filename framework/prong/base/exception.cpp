#include "prong/base/exception.hpp"

#include "prong/base/exception_types.hpp"
#include "prong/base/result.hpp"
#include "prong/base/type_name.hpp"

#include <dlfcn.h>

#include <cstdio>

namespace prong {
namespace {

// "function (module+0x12)" as far as the symbols of this process tell. A backend was forked from the image that this
// process still runs, so what was loaded before has the same addresses in both.
std::string describe_address(std::uint64_t address) {
  Dl_info info{};
  char number[32];
  // A return address is behind the call: the byte before belongs to the line that called.
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  if (address == 0 || ::dladdr(reinterpret_cast<void*>(address - 1), &info) == 0 || info.dli_fname == nullptr) {
    std::snprintf(number, sizeof number, "0x%llx", static_cast<unsigned long long>(address));
    return number;
  }
  const std::string module = info.dli_fname;
  std::snprintf(number, sizeof number, "+0x%llx",
                static_cast<unsigned long long>(address - 1 - reinterpret_cast<std::uintptr_t>(info.dli_fbase)));
  const std::string place = module.substr(module.rfind('/') + 1) + number;
  return info.dli_sname != nullptr ? demangled(info.dli_sname) + " (" + place + ")" : place;
}

std::string describe(const RemoteFailure& failure) {
  std::string text = "thrown in process '" + failure.process + "'";
  if (failure.pid != 0) text += " (pid " + std::to_string(failure.pid) + ")";
  text += " by command '" + failure.command + "' as " + failure.type + ": " + failure.what;
  for (const std::uint64_t address : failure.stack) text += "\n  at " + describe_address(address);
  return text;
}

}  // namespace

RemoteTrace::RemoteTrace(Error error) : std::runtime_error{describe(*error.remote())}, error_{std::move(error)} {}

std::optional<RemoteFailure> origin_of(const std::exception& exception) {
  if (const auto* const trace = dynamic_cast<const RemoteTrace*>(&exception)) return trace->remote();
  try {
    std::rethrow_if_nested(exception);
  } catch (const std::exception& nested) {
    return origin_of(nested);
  } catch (...) {
  }
  return std::nullopt;
}

void throw_error(Error error) {
  if (error.death() != nullptr) throw ProcessExpired{std::move(error)};
  // What pre_run threw is why a call was not delivered; it is not what the call's own handler threw.
  if (error.remote() != nullptr && error.outcome() == Outcome::failed) detail::throw_again(error);
  if (error.remote() != nullptr) throw RemoteException{std::move(error)};
  if (error.code() == Errc::deadline_exceeded) throw DeadlineExceeded{std::move(error)};
  if (error.code() == Errc::cancelled) throw Cancelled{std::move(error)};
  if (error.code() == Errc::read_only) throw ReadOnly{std::move(error)};
  throw Exception{std::move(error)};
}

void throw_exception_from_error(const Error& error, const boost::source_location& /*where*/) {
  throw_error(error);
}

}  // namespace prong
