// A user's io_context that receives for processes.
//
// Includes no Asio header. Comes with prong/asio.hpp.
#pragma once

#include "prong/process/message_process.hpp"

#include <memory>

namespace boost::asio {
class io_context;
}

namespace prong {

/// Has the thread that runs an io_context receive for processes, so that asynchronous waits for them come to an end,
/// and continuations run there.
///
/// Reading is no work that keeps run() going: it returns when the user's own work is done, of which pending
/// asynchronous waits are a part. While nobody runs the io_context, nobody reads for its processes, but a thread that
/// waits for them where it ran last. Requires: one thread runs the io_context, always the same; the io_context and the
/// attached processes outlive the reader. Thread safety: constructed and destroyed in that thread, or while it does not
/// run the io_context.
class IoContextReader {
 public:
  /// Throws Exception (system), and what Asio throws when descriptors run out.
  explicit IoContextReader(boost::asio::io_context& context);
  /// Detaches all processes.
  ~IoContextReader();
  IoContextReader(const IoContextReader&) = delete;
  IoContextReader& operator=(const IoContextReader&) = delete;

  /// Attaches a process: in a handler of the io_context at once, else as soon as it runs. Thread safety: any thread.
  /// Throws Exception, there: invalid_state if the process is attached already, system.
  void attach(MessageProcess& process);
  /// Detaches a process; one that is not attached is no error.
  void detach(MessageProcess& process) noexcept;

 private:
  class Implementation;

  std::shared_ptr<Implementation> implementation_;  // shared with attachments that are still to come
};

}  // namespace prong
