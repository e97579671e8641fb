// What a test leaves behind.
#pragma once

#include <set>
#include <string>
#include <vector>

namespace prong::testing {

/// What this process holds at one moment: descriptors, children, shared mappings, names in /dev/shm.
///
/// Take one before a test and one after; what differs was leaked.
class Census {
 public:
  /// Counts now.
  [[nodiscard]] static Census take();

  /// Returns a sentence for each thing that is in `after` and was not here, or the reverse.
  [[nodiscard]] std::vector<std::string> differences(const Census& after) const;

 private:
  std::multiset<std::string> things_;
};

}  // namespace prong::testing
