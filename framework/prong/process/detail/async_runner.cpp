#include "prong/process/detail/async_runner.hpp"

#include "prong/base/exception.hpp"
#include "prong/process/detail/frontend.hpp"
#include "prong/process/exclog.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>

#include <algorithm>

namespace prong {
namespace {

constexpr std::size_t ordered_lane = 0;
constexpr std::size_t waiting_overhead = 64;  // of a command in a queue, so that empty ones are bounded, too

}  // namespace

AsyncBackMessageProcess::Runner::Runner(AsyncBackMessageProcess& owner, MessageProcess::Backend& backend)
    : owner_{owner},
      backend_{backend},
      work_{context_.get_executor()},
      host_{backend.loop(), context_},
      tasks_{context_.get_executor(), owner.logger()} {
  lanes_.add(1);
  for (const auto& coroutine : owner.coroutines_)
    lane_of_.push_back(coroutine.concurrent == 0 ? ordered_lane : lanes_.add(coroutine.concurrent));
  backend.link().on_asked([this] { cancel_unwanted(); });
  backend.link().on_stop_request([this] {
    for (const auto& wait : std::exchange(stop_waits_, {})) wait->complete({});
  });
}

AsyncBackMessageProcess::Runner::~Runner() {
  backend_.loop().cancel_timer(deadline_timer_);
  backend_.link().on_stop_request(nullptr);
  backend_.link().on_asked(nullptr);
  owner_.runner_ = nullptr;
}

// --- The life of the backend -----------------------------------------------------------------------------------------

void AsyncBackMessageProcess::Runner::turn(Deadline deadline) {
  try {
    if (deadline.is_never())
      context_.run_one();
    else
      context_.run_one_until(Deadline::Clock::time_point{std::chrono::nanoseconds{deadline.nanoseconds()}});
  } catch (...) {
    // As with commands: it is reported, and the backend lives.
    owner_.logger().error("{}", actor::current_exception_error(owner_.name(), "a handler of the io_context").message());
  }
}

template <class Done>
void AsyncBackMessageProcess::Runner::run_until(Done&& done) {
  while (!done()) turn(Deadline::never());
}

void AsyncBackMessageProcess::Runner::run_to_end(boost::asio::awaitable<void> coroutine) {
  bool ended = false;
  std::exception_ptr thrown;
  boost::asio::co_spawn(context_, std::move(coroutine), [&](std::exception_ptr exception) {
    ended = true;
    thrown = std::move(exception);
  });
  run_until([&] { return ended; });
  if (thrown) std::rethrow_exception(thrown);
}

void AsyncBackMessageProcess::Runner::before_run() {
  regulate_intake();
  run_to_end(owner_.async_pre());
  ready_ = true;
  regulate_intake();
}

void AsyncBackMessageProcess::Runner::after_run() {
  const loop::TimerId grace = backend_.loop().add_timer(Deadline::after(owner_.stop_grace()), [this] {
    cancel_all(Error{Errc::cancelled, "process '" + owner_.name() + "' stops"});
  });
  run_until([this] { return runs_.empty() && lanes_.waiting() == 0; });
  backend_.loop().cancel_timer(grace);
  end_tasks();
  run_to_end(owner_.async_post());
  end_tasks();  // those that async_post() has begun
}

void AsyncBackMessageProcess::Runner::end_tasks() {
  tasks_.cancel_all();
  run_until([this] { return tasks_.size() == 0; });
}

void AsyncBackMessageProcess::Runner::finish() {
  link::BackendLink& link = backend_.link();
  for (;;) {
    link.work();
    if (link.outbox().empty()) return;
    turn(link.outbox().next_deadline());
  }
}

// --- Commands --------------------------------------------------------------------------------------------------------

bool AsyncBackMessageProcess::Runner::is_plain(std::size_t number) const noexcept {
  return number >= owner_.coroutines_.size() || owner_.coroutines_[number].begin_typed == nullptr;
}

std::size_t AsyncBackMessageProcess::Runner::lane_of(std::size_t number) const noexcept {
  return number < lane_of_.size() ? lane_of_[number] : ordered_lane;
}

bool AsyncBackMessageProcess::Runner::take(const MessageHeader& header, Bytes payload) {
  const actor::CommandTable& table = owner_.commands();
  if (header.kind == MessageKind::call) {
    const actor::Command* const command = table.find(header.command);
    return command != nullptr && take_into_lane({header, command, {}}, payload, nullptr);
  }
  const Result<MessageObject> message = decode<MessageObject>(payload);
  const actor::Command* const command = message ? table.find((*message)()) : nullptr;
  return command != nullptr && take_into_lane({header, command, {}}, payload, &*message);
}

bool AsyncBackMessageProcess::Runner::take_local(const MessageObject& message, actor::BackendActor::Answer& answer) {
  const actor::Command* const command = owner_.commands().find(message());
  if (command == nullptr) return false;
  MessageHeader header;
  header.kind = MessageKind::message;
  return take_into_lane({header, command, answer}, {}, &message);
}

bool AsyncBackMessageProcess::Runner::take_into_lane(Request request, Bytes payload, const MessageObject* message) {
  const std::size_t number = owner_.commands().number_of(*request.command);
  const std::size_t lane = lane_of(number);
  if (lanes_.try_enter(lane)) {
    if (is_plain(number)) {
      lanes_.leave(lane);
      return false;
    }
    begin(std::move(request), lane, payload, message);
    return true;
  }
  Waiting waiting{
      std::move(request), {payload.begin(), payload.end()}, message != nullptr ? *message : MessageObject{}};
  lanes_.wait(lane, std::move(waiting), payload.size() + waiting_overhead);
  regulate_intake();
  return true;
}

void AsyncBackMessageProcess::Runner::begin(Request request, std::size_t lane, Bytes payload,
                                            const MessageObject* message) {
  const actor::Command& command = *request.command;
  const Deadline deadline = Deadline::from_nanoseconds(request.header.deadline);
  const auto refuse = [&](const Request& refused, Error why) {
    answer(refused, std::move(why), {});
    leave(lane);
  };
  if (refused_) {
    refuse(request, Error{*refused_}.as_outcome(Outcome::cancelled, false));
    return;
  }
  if (auto begun = backend_.begin(request.header); !begun) {
    refuse(request, std::move(begun).error());
    return;
  }
  backend_.refill_reserve();
  const auto run = std::make_shared<Run>(*this);
  run->request = std::move(request);
  run->number = owner_.commands().number_of(command);
  run->lane = lane;
  run->reply = backend_.link().outbox().take_buffer();
  void* const process = static_cast<MessageProcess*>(&owner_);
  const detail::CoroutineCommand& calls = owner_.coroutines_[run->number];
  auto handler = actor::guarded(owner_.name(), command.name, [&] {
    return message != nullptr ? calls.begin_named(process, command, *message, run->reply)
                              : calls.begin_typed(process, command, payload, run->reply);
  });
  if (!handler) {
    refuse(run->request, std::move(handler).error().as_outcome(Outcome::failed, false));
    return;
  }
  run->place = runs_.insert(runs_.end(), run);
  // The slot is in use until the handler of co_spawn has run, so the handler keeps the run.
  boost::asio::co_spawn(boost::asio::any_io_executor{detail::AsyncRunExecutor{context_.get_executor(), run}},
                        follow(run, std::move(*handler)),
                        boost::asio::bind_cancellation_slot(run->cancel.slot(), [run](std::exception_ptr thrown) {
                          if (thrown) std::rethrow_exception(std::move(thrown));
                        }));
  if (!run->ended && run->request.header.request != 0) arm_deadline(deadline);
}

boost::asio::awaitable<void> AsyncBackMessageProcess::Runner::follow(std::shared_ptr<Run> run,
                                                                     boost::asio::awaitable<void> handler) {
  Result<void> outcome{};
  try {
    co_await std::move(handler);
  } catch (const std::bad_alloc&) {
    backend_.release_reserve();
    outcome = actor::current_exception_error(owner_.name(), run->request.command->name);
  } catch (...) {
    // That it was cancelled is what it makes of our asking; all else that it throws is its own.
    const auto why = detail::is_cancellation(std::current_exception()) ? why_to_end(*run) : std::nullopt;
    outcome = why ? *why : actor::current_exception_error(owner_.name(), run->request.command->name);
  }
  end(*run, std::move(outcome));
}

void AsyncBackMessageProcess::Runner::end(Run& run, Result<void> outcome) {
  runs_.erase(run.place);
  run.ended = true;
  answer(run.request, std::move(outcome), std::move(run.reply));
  leave(run.lane);
}

void AsyncBackMessageProcess::Runner::answer(const Request& request, Result<void> outcome,
                                             std::vector<std::byte>&& value) {
  if (!request.local) {
    backend_.answer(request.header, std::move(outcome), std::move(value), request.command->name);
    return;
  }
  request.local(outcome ? decode<Value>(value) : Result<Value>{std::move(outcome).error()});
}

void AsyncBackMessageProcess::Runner::run_plain(const Request& request, Bytes payload, const MessageObject& message) {
  if (request.local)
    request.local(backend_.run_named(message, MessageHeader{}));
  else
    backend_.run_plain(request.header, payload);
}

// Begins what waited for a place. A command that ends while another begins only leaves its lane here, so that a long
// queue of short commands is no deep recursion.
void AsyncBackMessageProcess::Runner::leave(std::size_t lane) {
  lanes_.leave(lane);
  left_.push_back(lane);
  if (serving_) return;
  serving_ = true;
  const struct Served {
    bool& serving;
    ~Served() { serving = false; }
  } served{serving_};
  while (!left_.empty()) {
    const std::size_t from = left_.back();
    auto next = lanes_.next(from);
    if (!next) {
      left_.pop_back();
      continue;
    }
    if (is_plain(owner_.commands().number_of(*next->request.command)) && !refused_) {
      run_plain(next->request, next->payload, next->message);
      lanes_.leave(from);
    } else {
      const bool named = next->request.header.kind == MessageKind::message;
      begin(std::move(next->request), from, next->payload, named ? &next->message : nullptr);
    }
  }
  regulate_intake();
}

void AsyncBackMessageProcess::Runner::regulate_intake() noexcept {
  const bool takes = ready_ && lanes_.waiting_bytes() < backend_.options().queue_bytes;
  backend_.link().set_intake(takes ? link::Intake::all : link::Intake::control_only);
}

// --- Cancelling ------------------------------------------------------------------------------------------------------

void AsyncBackMessageProcess::Runner::cancel(const std::shared_ptr<Run>& run, Error why) {
  if (run->cancelled) return;
  run->cancelled = std::move(why);
  // In the executor: docs/traps/cancelling_from_outside.md.
  boost::asio::dispatch(context_, [run] {
    if (!run->ended) run->cancel.emit(boost::asio::cancellation_type::all);
  });
}

std::optional<Error> AsyncBackMessageProcess::Runner::why_to_end(const Run& run) const {
  if (run.cancelled) return run.cancelled;
  const MessageHeader& header = run.request.header;
  if (header.request == 0) return std::nullopt;
  if (backend_.link().asked_to_end(RequestNumber{header.request}))
    return Error{Errc::cancelled, "'" + run.request.command->name + "' ended because the caller cancelled it"};
  if (Deadline::from_nanoseconds(header.deadline).has_passed())
    return Error{Errc::deadline_exceeded, "'" + run.request.command->name + "' ended at its deadline"};
  return std::nullopt;
}

void AsyncBackMessageProcess::Runner::cancel_all(const Error& why) {
  refused_ = why;  // those that begin now, in the place of one that ended, do not
  const std::vector<std::shared_ptr<Run>> runs{runs_.begin(), runs_.end()};
  for (const auto& run : runs) cancel(run, why);
}

void AsyncBackMessageProcess::Runner::arm_deadline(Deadline deadline) {
  if (deadline >= deadline_armed_) return;
  backend_.loop().cancel_timer(deadline_timer_);
  deadline_armed_ = deadline;
  deadline_timer_ = backend_.loop().add_timer(deadline, [this] { cancel_late(); });
}

void AsyncBackMessageProcess::Runner::cancel_unwanted() {
  const std::vector<std::shared_ptr<Run>> runs{runs_.begin(), runs_.end()};
  for (const auto& run : runs)
    if (auto why = why_to_end(*run)) cancel(run, std::move(*why));
}

void AsyncBackMessageProcess::Runner::cancel_late() {
  deadline_armed_ = Deadline::never();
  cancel_unwanted();
  for (const auto& run : runs_)
    if (run->request.header.request != 0 && !run->cancelled)
      arm_deadline(Deadline::from_nanoseconds(run->request.header.deadline));
}

// --- What handlers ask for -------------------------------------------------------------------------------------------

void AsyncBackMessageProcess::Runner::send_when_room(std::size_t box, std::vector<std::byte> payload,
                                                     std::shared_ptr<detail::AsyncWait<void>> wait) {
  link::BackendLink& link = backend_.link();
  const auto ticket =
      link.send_out_later(box, std::move(payload), [wait](Result<void> sent) { wait->complete(std::move(sent)); });
  if (ticket)
    wait->on_withdrawal([&link, ticket = *ticket] { link.take_back(ticket); });
  else
    wait->complete(ticket.error());
}

void AsyncBackMessageProcess::Runner::await_stop(std::shared_ptr<detail::AsyncWait<void>> wait) {
  if (backend_.link().stop_requested()) {
    wait->complete({});
    return;
  }
  std::erase_if(stop_waits_, [](const auto& one) { return one.use_count() == 1; });
  stop_waits_.push_back(std::move(wait));
}

}  // namespace prong
