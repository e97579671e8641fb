// Walking the stack of this thread inside a signal handler.
//
// Allocates nothing and takes no lock: the unwinder of GCC 12 finds a module's tables by glibc's _dl_find_object, which
// reads them without one (glibc 2.35 and later). The exception is code that was announced by __register_frame, as
// just-in-time compilers do: then the unwinder takes a lock of its own, and the handler's watchdog guards the walk.
#pragma once

#include "prong/os/detail/crash_record.hpp"

#include <ucontext.h>

namespace prong::os::detail {

/// Writes the frames of the code that a signal interrupted into `record`, innermost first, each before the next is
/// looked for: what stands there is good even if the walk does not come back.
void walk_interrupted(CrashRecord& record, ucontext_t& context) noexcept;

/// Writes the modules that the frames in `record` lie in, and the build IDs.
void write_modules(CrashRecord& record) noexcept;

/// Does all of the above once into memory of its own, so that nothing is bound or initialised in a handler first.
void prepare_walks() noexcept;

}  // namespace prong::os::detail
