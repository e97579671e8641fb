// Readers and writers that call back before or after an item passes.
#pragma once

#include "prong/channel/channel_reader.hpp"
#include "prong/channel/channel_writer.hpp"

#include <functional>
#include <iterator>
#include <limits>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace prong {

/// A Base that calls back before it reads and after it has read.
///
/// Thread safety: callbacks are set before other threads read; they must be safe where several threads read.
/// Source: gitpython async, "CallbackReaderMixin".
template <class Base>
class CallbackReaderMixin : public Base {
 public:
  using T = typename Base::value_type;
  /// Called with the number of items that are about to be read; Base::everything for all.
  using PreCallback = std::function<void(std::size_t count)>;
  /// Called with the items that were read; what it leaves in the list is what the reader gets.
  using PostCallback = std::function<void(std::vector<T>& items)>;

  using Base::Base;

  /// Sets what is called before each read, and returns what was set before. Null: nothing. Its exceptions leave the
  /// read, which has then taken nothing.
  PreCallback set_pre_callback(PreCallback callback) { return std::exchange(pre_, std::move(callback)); }
  /// Sets what is called after each read that got something, and returns what was set before. Null: nothing.
  PostCallback set_post_callback(PostCallback callback) { return std::exchange(post_, std::move(callback)); }

  [[nodiscard]] Result<std::size_t> read_into(std::vector<T>& out, std::size_t count, Deadline deadline) override {
    const std::size_t before = out.size();
    const std::size_t kept = take_kept(out, count);
    if (kept != 0 && (kept == count || deadline == Deadline::now())) return kept;
    if (pre_) pre_(count);
    std::vector<T> items;
    const auto got = Base::read_into(items, count == Base::everything ? count : count - kept, deadline);
    if (!got && kept == 0) return got.error();
    if (post_ && !items.empty()) post_(items);
    out.insert(out.end(), std::make_move_iterator(items.begin()), std::make_move_iterator(items.end()));
    return out.size() - before;
  }
  [[nodiscard]] Result<T> next(Deadline deadline) override {
    for (;;) {
      std::vector<T> items;
      PRONG_TRY_ASSIGN(const std::size_t count, read_into(items, 1, deadline));
      if (count != 0) {
        keep(items);
        return std::move(items.front());
      }
      // The callback may have taken away what was read: then the next one is asked for.
      if (this->at_end()) return read_error(TransferEnd::over);
      if (deadline.has_passed()) return read_error(TransferEnd::deadline);
    }
  }
  [[nodiscard]] std::optional<T> try_next() override { return Reader<T>::try_next(); }
  [[nodiscard]] bool at_end() const override {
    const std::lock_guard lock{kept_->mutex};
    return kept_->items.empty() && Base::at_end();
  }

 private:
  // What a callback added to a read of one item.
  struct Kept {
    std::mutex mutex;
    std::vector<T> items;
  };

  std::size_t take_kept(std::vector<T>& out, std::size_t count) {
    const std::lock_guard lock{kept_->mutex};
    auto& items = kept_->items;
    const std::size_t some = count == Base::everything ? items.size() : std::min(count, items.size());
    const auto end = items.begin() + static_cast<std::ptrdiff_t>(some);
    out.insert(out.end(), std::make_move_iterator(items.begin()), std::make_move_iterator(end));
    items.erase(items.begin(), end);
    return some;
  }
  void keep(std::vector<T>& items) {
    if (items.size() == 1) return;
    const std::lock_guard lock{kept_->mutex};
    kept_->items.insert(kept_->items.end(), std::make_move_iterator(items.begin() + 1),
                        std::make_move_iterator(items.end()));
  }

  PreCallback pre_;
  PostCallback post_;
  std::shared_ptr<Kept> kept_ = std::make_shared<Kept>();
};

/// A Base that calls back before it writes.
///
/// Thread safety: the callback is set before other threads write; it must be safe where several threads write.
/// Source: gitpython async, "CallbackWriterMixin".
template <class Base>
class CallbackWriterMixin : public Base {
 public:
  using T = typename Base::value_type;
  /// Called with each item that is about to be written; what it leaves there is what is written. An item that is
  /// refused then has been changed all the same.
  using PreCallback = std::function<void(T& item)>;

  using Base::Base;

  /// Sets what is called before each item is written, and returns what was set before. Null: nothing. Its exceptions
  /// leave the write.
  PreCallback set_pre_callback(PreCallback callback) { return std::exchange(pre_, std::move(callback)); }

 protected:
  [[nodiscard]] Transfer transfer_in(std::span<T> items, Deadline deadline) override {
    if (!pre_) return Base::transfer_in(items, deadline);
    // One by one, so that no item is changed that is not written, but for the first one that is refused.
    std::size_t done = 0;
    for (T& item : items) {
      pre_(item);
      const Transfer transfer = Base::transfer_in({&item, 1}, deadline);
      if (transfer.count == 0) return {done, transfer.end};
      ++done;
    }
    return {done, TransferEnd::complete};
  }

 private:
  PreCallback pre_;
};

template <class T>
using CallbackChannelReader = CallbackReaderMixin<ChannelReader<T>>;
template <class T>
using CallbackChannelWriter = CallbackWriterMixin<ChannelWriter<T>>;

}  // namespace prong
