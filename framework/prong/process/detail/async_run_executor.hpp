// An executor by which what a coroutine does is done in the name of its command.
#pragma once

#include <boost/asio/execution.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/require.hpp>

#include <memory>
#include <type_traits>
#include <utility>

namespace prong::detail {

template <class Property, class Executor>
concept QueryOf = boost::asio::can_query<const Executor&, Property>::value;
template <class Property, class Executor>
concept RequirementOf = boost::asio::can_require<const Executor&, Property>::value;
template <class Property, class Executor>
concept PreferenceOf = boost::asio::can_prefer<const Executor&, Property>::value;

/// Runs handlers where and as `Inner` does, each inside of a `Subject::Presence` made of the subject.
///
/// A coroutine that is spawned on it is resumed through it after whatever it waits for, and so are the coroutines that
/// it spawns on its own executor.
/// Thread safety: a value, as Inner.
template <class Inner, class Subject>
class AsyncRunExecutor {
 public:
  AsyncRunExecutor(Inner inner, std::shared_ptr<Subject> subject) noexcept
      : inner_{std::move(inner)}, subject_{std::move(subject)} {}

  template <QueryOf<Inner> Property>
  decltype(auto) query(const Property& property) const {
    return boost::asio::query(inner_, property);
  }
  template <RequirementOf<Inner> Property>
  auto require(const Property& property) const {
    return with(boost::asio::require(inner_, property));
  }
  template <PreferenceOf<Inner> Property>
  auto prefer(const Property& property) const {
    return with(boost::asio::prefer(inner_, property));
  }
  template <class Function>
  void execute(Function&& function) const {
    inner_.execute([subject = subject_, function = std::decay_t<Function>(std::forward<Function>(function))]() mutable {
      const typename Subject::Presence presence{*subject};
      std::move(function)();
    });
  }

  friend bool operator==(const AsyncRunExecutor& a, const AsyncRunExecutor& b) noexcept {
    return a.inner_ == b.inner_ && a.subject_ == b.subject_;
  }

 private:
  template <class Other>
  AsyncRunExecutor<Other, Subject> with(Other other) const {
    return {std::move(other), subject_};
  }

  Inner inner_;
  std::shared_ptr<Subject> subject_;
};

}  // namespace prong::detail
