// An RTSP camera on this machine, for tests.
#pragma once

#include "prong/os/child_process.hpp"

#include <string>

namespace prong::tests {

struct RtspCameraOptions {
  std::string file;  ///< What it films: its first stream is sent, without being encoded anew.
  double speed = 3;  ///< So many times as fast as its clock says.
  int frames = 0;    ///< So many are sent to one caller, then `after` happens; 0 sends the file over and over.
  enum class After { hang_up, stop_itself } after = After::hang_up;
};

/// A process that listens at a port of the loopback interface and serves one caller after another.
///
/// Speaks what a client needs of RTSP 1.0 (RFC 2326) with the packets in the connection itself. `stop_itself` is
/// SIGSTOP: the connection stays, and nothing comes any more.
/// Requires: this process has one thread.
class RtspCamera {
 public:
  explicit RtspCamera(const RtspCameraOptions& options);

  [[nodiscard]] std::string url() const { return "rtsp://127.0.0.1:" + std::to_string(port_) + "/camera"; }
  /// Waits until the camera has stopped itself. Tells whether it has: not if it ended.
  [[nodiscard]] bool wait_stopped() const;

 private:
  int port_ = 0;
  os::ChildProcess process_;
};

/// Returns an address where nobody listens: rtsp://127.0.0.1:PORT/name. The port is none that the kernel hands out by
/// itself, so that nobody gets it by accident before it is used.
[[nodiscard]] std::string unused_rtsp_url();

}  // namespace prong::tests
