#include "prong/process/detail/spawned.hpp"

#include "prong/log/backend_log.hpp"
#include "prong/log/logger.hpp"
#include "prong/os/inherited.hpp"
#include "prong/process/detail/frontend.hpp"
#include "prong/process/spawn.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <exception>

namespace prong::detail {
namespace {

bool is_spawned = false;

// The number a descriptor has in the frontend, and whether it is closed on exec there: a socket does not carry that.
struct InheritedNumber {
  std::int32_t number = -1;
  std::int32_t flags = 0;
};

void append(std::vector<std::byte>& payload, Bytes bytes) {
  payload.insert(payload.end(), bytes.begin(), bytes.end());
}

Result<int> move_above(int descriptor, int least) {
  const int moved = ::fcntl(descriptor, F_DUPFD_CLOEXEC, least);
  if (moved < 0) return Error::from_errno("fcntl");
  return moved;
}

// Moves out of the way first what stands where something else belongs.
Result<std::vector<int>> place(std::span<const int> received, std::span<const InheritedNumber> wanted) {
  int least = STDERR_FILENO + 1;
  for (const InheritedNumber& one : wanted) least = std::max(least, one.number + 1);
  std::vector<int> placed{received.begin(), received.end()};
  for (int& descriptor : placed) {
    if (descriptor >= least) continue;
    PRONG_TRY_ASSIGN(descriptor, move_above(descriptor, least));
  }
  const std::size_t first = placed.size() - wanted.size();
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const int number = wanted[i].number;
    if (::dup3(placed[first + i], number, (wanted[i].flags & FD_CLOEXEC) != 0 ? O_CLOEXEC : 0) < 0)
      return Error::from_errno("dup3");
    placed[first + i] = number;
  }
  return placed;
}

}  // namespace

std::vector<std::byte> seat_payload(std::uint64_t serial, const BackendSeat& seat, std::span<const int> inherited,
                                    Bytes arguments) {
  const SeatMessage message{
      .serial = serial, .ring_bytes = seat.segment.data_bytes(), .inherited_count = inherited.size()};
  std::vector<std::byte> payload;
  append(payload, std::as_bytes(std::span{&message, 1}));
  for (const int descriptor : inherited) {
    const InheritedNumber one{.number = descriptor, .flags = ::fcntl(descriptor, F_GETFD)};
    append(payload, std::as_bytes(std::span{&one, 1}));
  }
  append(payload, arguments);
  return payload;
}

Result<TakenSeat> take_seat(Bytes payload, std::span<const int> descriptors) {
  SeatMessage message;
  if (payload.size() < sizeof message) return fail(Errc::malformed, "half a seat");
  std::memcpy(&message, payload.data(), sizeof message);
  payload = payload.subspan(sizeof message);
  if (message.inherited_count != descriptors.size() - OwnedSeat::descriptor_count)
    return fail(Errc::malformed, "a seat without its descriptors");
  std::vector<InheritedNumber> wanted(message.inherited_count);
  if (payload.size() < wanted.size() * sizeof(InheritedNumber)) return fail(Errc::malformed, "half a seat");
  if (!wanted.empty()) std::memcpy(wanted.data(), payload.data(), wanted.size() * sizeof(InheritedNumber));
  PRONG_TRY_ASSIGN(const std::vector<int> placed, place(descriptors, wanted));
  PRONG_TRY(os::close_all_but_inherited(placed));
  PRONG_TRY_ASSIGN(auto seat, OwnedSeat::open(placed, message.ring_bytes));
  return TakenSeat{message.serial, std::move(seat), payload.subspan(wanted.size() * sizeof(InheritedNumber))};
}

bool is_spawned_backend() noexcept {
  return is_spawned;
}

int run_spawned(Bytes payload, std::span<const int> descriptors,
                const std::function<std::unique_ptr<MessageProcess>(Bytes arguments)>& make) {
  const auto taken = take_seat(payload, descriptors);
  if (!taken) return 1;
  is_spawned = true;
  std::unique_ptr<MessageProcess> process;
  std::string why;
  try {
    process = make(taken->arguments);
  } catch (const std::exception& error) {
    why = error.what();
  } catch (...) {
    why = "an exception of an unknown type";
  }
  if (!process) {
    if (log_to(taken->seat.seat().log)) Logger{"spawn"}.error("the backend could not be constructed: {}", why);
    return 1;
  }
  // Left to the end of the process: a backend runs no destructors.
  return Spawner::run(*process.release(), taken->seat.seat());
}

int Spawner::run(MessageProcess& process, const BackendSeat& seat) {
  return process.frontend_->backend_main(seat);
}

void Spawner::start(MessageProcess& process, SpawnRecipe recipe) {
  static_cast<void>(process.logger());
  process.frontend_->start_spawned(std::move(recipe));
}

}  // namespace prong::detail
