// The states of a supervised child, what happens to it, and what follows: one table.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace prong::supervise {

/// Where a child is in its life. Started is not ready.
enum class ChildState : std::uint8_t {
  stopped,   ///< Not there, and not to be started: its supervisor does not run.
  waiting,   ///< Not there; is started when its time has come and it is its turn.
  starting,  ///< There, but not ready.
  ready,
  stopping,  ///< Asked to stop, still there.
  killed,    ///< Killed, still there.
  finished,  ///< Ended for good, as its restart type says.
};

/// What happens to a child.
enum class ChildEvent : std::uint8_t {
  started,   ///< Its start has succeeded.
  ready,     ///< It has said that it is ready.
  alive,     ///< It has answered a ping.
  measured,  ///< Here is what it uses.
  ended,     ///< It is gone, or its start has failed.
  time,      ///< Time has passed.
  stop,      ///< It shall stop, and it is its turn.
  kill,      ///< It shall be gone at once.
};

/// What follows.
enum class Reaction : std::uint8_t {
  none,
  start_if_due,  ///< Starts it if its time has come and it is its turn.
  stay_away,     ///< Does not start it any more.
  announce,      ///< Tells that it has started, and asks it to say when it is ready.
  become_ready,  ///< From here on it is pinged and measured.
  note_answer,   ///< The next ping comes after an interval.
  weigh,         ///< Recycles it if it is over a limit.
  check_life,    ///< Pings, measures, recycles by age; kills it if the answer to a ping is late.
  ask_to_stop,   ///< And kills it at its shutdown deadline.
  kill,          ///< And waits until it is gone.
  kill_if_late,  ///< Kills it if its readiness or its shutdown deadline has passed.
  decide,        ///< Restarts it, alone or with others, or does not, or gives up.
};

inline constexpr std::size_t state_count = 7;
inline constexpr std::size_t event_count = 8;

/// Returns what follows when `event` happens to a child in `state`.
[[nodiscard]] constexpr Reaction reaction(ChildState state, ChildEvent event) noexcept {
  using enum Reaction;
  // clang-format off
  // [table]
  constexpr Reaction table[state_count][event_count] = {
      //            started   ready         alive        measured  ended   time          stop         kill
      /* stopped  */ {none,     none,         none,        none,     none,   none,         none,        none},
      /* waiting  */ {none,     none,         none,        none,     none,   start_if_due, stay_away,   stay_away},
      /* starting */ {announce, become_ready, none,        none,     decide, kill_if_late, ask_to_stop, kill},
      /* ready    */ {none,     none,         note_answer, weigh,    decide, check_life,   ask_to_stop, kill},
      /* stopping */ {none,     none,         none,        none,     decide, kill_if_late, none,        kill},
      /* killed   */ {none,     none,         none,        none,     decide, none,         none,        none},
      /* finished */ {none,     none,         none,        none,     none,   none,         stay_away,   stay_away},
  };
  // [/table]
  // clang-format on
  return table[static_cast<std::size_t>(state)][static_cast<std::size_t>(event)];
}

/// Tells whether a child in `state` is there.
[[nodiscard]] constexpr bool is_present(ChildState state) noexcept {
  return state == ChildState::starting || state == ChildState::ready || state == ChildState::stopping ||
         state == ChildState::killed;
}

/// Returns the state's name as it is spelt above.
[[nodiscard]] std::string_view name_of(ChildState state) noexcept;

}  // namespace prong::supervise
