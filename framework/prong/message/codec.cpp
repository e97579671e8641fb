#include "prong/message/codec.hpp"

#include "prong/base/exception.hpp"

#include <new>

namespace prong::detail {

Error malformed_by_current_exception() {
  // A load function of a user may throw anything, and what the bytes made it throw is an Error like any other.
  // Memory exhausted or a thread being cancelled is nothing that the bytes can do.
  try {
    throw;
  } catch (const Exception& exception) {
    if (exception.code() == Errc::malformed) return exception.error();
    return Error{Errc::malformed, exception.what()};
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& exception) {
    return Error{Errc::malformed, exception.what()};
  }
}

}  // namespace prong::detail
