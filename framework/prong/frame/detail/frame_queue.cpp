#include "prong/frame/detail/frame_queue.hpp"

#include "prong/base/contract.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace prong::frame::detail {

QueueProducer::QueueProducer(StreamWords<true> stream, std::vector<ReaderWords<false>> readers, FramePolicy policy)
    : stream_{stream},
      readers_{std::move(readers)},
      policy_{policy},
      slots_(stream.slots.size()),
      leases_{std::make_unique<std::atomic<std::uint32_t>[]>(stream.slots.size())} {
  for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) slots_[slot].place = free_.insert(free_.end(), slot);
}

Result<void> QueueProducer::resume() {
  published_ = head_sequence(stream_.head->head.load(std::memory_order_acquire));
  const std::uint64_t newest = stream_.log_entry(published_).load(std::memory_order_acquire);
  if (published_ > max_sequence || (published_ != 0 && log_sequence(newest) != published_))
    return fail(Errc::bad_message, "an earlier producer left a ring whose newest frame is not known");
  std::vector<std::uint32_t> found;
  for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) {
    SlotWords& words = stream_.slots[slot];
    const std::uint64_t sequence = words.offered.load(std::memory_order_relaxed);
    slots_[slot].sequence = sequence;
    if (std::max(sequence, words.filled.load(std::memory_order_relaxed)) > published_) {
      // The predecessor died in publish(), before the step that counts.
      words.offered.store(0, std::memory_order_seq_cst);
      words.filled.store(0, std::memory_order_seq_cst);
    } else if (sequence != 0) {
      found.push_back(slot);
    }
  }
  PRONG_TRY(adopt(std::move(found)));
  stream_.head->head.store(head_word(published_, false), std::memory_order_seq_cst);
  return {};
}

Result<void> QueueProducer::adopt(std::vector<std::uint32_t> published_slots) {
  const auto sequence = [this](std::uint32_t slot) { return slots_[slot].sequence; };
  std::ranges::sort(published_slots, {}, sequence);
  if (std::ranges::adjacent_find(published_slots, {}, sequence) != published_slots.end())
    return fail(Errc::bad_message, "an earlier producer left a frame in two slots");
  for (const std::uint32_t slot : published_slots) offered_.splice(offered_.end(), free_, slots_[slot].place);
  return {};
}

std::optional<std::uint32_t> QueueProducer::try_acquire() noexcept {
  for (const std::uint32_t slot : free_) {
    if (is_held(slot)) continue;
    take(free_, slot);
    return slot;
  }
  const std::uint64_t takeable = policy_ == FramePolicy::block ? lowest_cursor() : max_sequence;
  for (const std::uint32_t slot : offered_) {
    // The oldest come first: readers have the older ones behind them, so these go before any that would be lost.
    if (slots_[slot].sequence > takeable) break;
    if (is_held(slot) || !take_back(slot)) continue;
    take(offered_, slot);
    return slot;
  }
  return std::nullopt;
}

void QueueProducer::take(Slots& from, std::uint32_t slot) noexcept {
  stream_.slots[slot].filled.store(0, std::memory_order_seq_cst);
  acquired_.splice(acquired_.end(), from, slots_[slot].place);
}

bool QueueProducer::is_claimed(std::uint32_t slot) const noexcept {
  // SYNC POINT with claims store in QueueReader::protect, release
  return std::ranges::any_of(readers_, [slot](const ReaderWords<false>& reader) {
    return is_reading(reader.claims[slot].load(std::memory_order_seq_cst));
  });
}

bool QueueProducer::is_held(std::uint32_t slot) const noexcept {
  // SYNC POINT with leases_ fetch_sub in drop_lease
  return leases_[slot].load(std::memory_order_seq_cst) != 0 || is_claimed(slot);
}

bool QueueProducer::take_back(std::uint32_t slot) noexcept {
  Word& offered = stream_.slots[slot].offered;
  // SYNC POINT with offered load in QueueReader::protect: either the reader sees that the frame is gone, or its claim
  // is seen here.
  offered.store(0, std::memory_order_seq_cst);
  if (!is_claimed(slot)) return true;
  offered.store(slots_[slot].sequence, std::memory_order_seq_cst);
  return false;
}

std::uint64_t QueueProducer::lowest_cursor() const noexcept {
  std::uint64_t lowest = max_sequence;
  for (const ReaderWords<false>& reader : readers_) {
    if (reader.head->left.load(std::memory_order_seq_cst) != 0) continue;
    // SYNC POINT with commits store in QueueReader::commit. The copy may be newer than the number that led to it: its
    // frames were claimed before.
    const std::uint64_t commits = reader.head->commits.load(std::memory_order_seq_cst);
    lowest = std::min(lowest, reader.head->progress[commits & 1].cursor.load(std::memory_order_acquire));
  }
  return lowest;
}

void QueueProducer::abandon(std::uint32_t slot) noexcept {
  free_.splice(free_.begin(), acquired_, slots_[slot].place);
}

void QueueProducer::publish(std::uint32_t slot, FrameMeta& meta) noexcept {
  PRONG_EXPECT(published_ < max_sequence, "a stream has at most 2^48 - 1 frames");
  const std::uint64_t sequence = ++published_;
  meta.sequence = sequence;
  meta.slot = slot;
  SlotWords& words = stream_.slots[slot];
  store_meta(words.meta, meta);
  store_meta(stream_.head->last[sequence & 1], meta);
  words.generation.store(words.generation.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  stream_.log_entry(sequence).store(log_word(sequence, slot), std::memory_order_release);
  // SYNC POINT with filled load in FramePool::resolve: the metadata and the pixels are whole.
  words.filled.store(sequence, std::memory_order_release);
  words.offered.store(sequence, std::memory_order_release);
  // SYNC POINT with head load in QueueReader::try_claim, has_news, at_end
  stream_.head->head.store(head_word(sequence, false), std::memory_order_seq_cst);
  slots_[slot].sequence = sequence;
  offered_.splice(offered_.end(), acquired_, slots_[slot].place);
}

void QueueProducer::finish() noexcept {
  // SYNC POINT with head load in QueueReader::has_news, at_end
  stream_.head->head.store(head_word(published_, true), std::memory_order_seq_cst);
}

void QueueProducer::drop_lease(std::uint32_t slot) noexcept {
  // SYNC POINT with leases_ load in is_held: reading is over before the slot is filled again.
  leases_[slot].fetch_sub(1, std::memory_order_seq_cst);
}

std::uint32_t QueueProducer::generation(std::uint32_t slot) const noexcept {
  return static_cast<std::uint32_t>(stream_.slots[slot].generation.load(std::memory_order_relaxed));
}

FrameMeta QueueProducer::last_published() const noexcept {
  return load_meta(stream_.head->last[published_ & 1]);
}

void QueueProducer::count_blocked(std::chrono::nanoseconds time) noexcept {
  StreamHead& head = *stream_.head;
  head.blocked.store(head.blocked.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  head.blocked_nanoseconds.store(
      head.blocked_nanoseconds.load(std::memory_order_relaxed) + static_cast<std::uint64_t>(time.count()),
      std::memory_order_relaxed);
}

QueueReader::QueueReader(StreamWords<false> stream, ReaderWords<true> words, FramePolicy policy)
    : stream_{stream}, words_{words}, policy_{policy} {}

Result<void> QueueReader::resume() {
  known_published_ = head_sequence(stream_.head->head.load(std::memory_order_acquire));
  commits_ = words_.head->commits.load(std::memory_order_relaxed);
  const ReaderHead::Progress& good = words_.head->progress[commits_ & 1];
  cursor_ = good.cursor.load(std::memory_order_relaxed);
  delivered_ = good.delivered.load(std::memory_order_relaxed);
  redelivered_ = good.redelivered.load(std::memory_order_relaxed);
  if (cursor_ > known_published_ || delivered_ > cursor_)
    return fail(Errc::bad_message, "an earlier reader left counters that cannot be");
  words_.head->left.store(0, std::memory_order_seq_cst);
  for (std::uint32_t slot = 0; slot < words_.claims.size(); ++slot) {
    const std::uint64_t word = words_.claims[slot].load(std::memory_order_relaxed);
    const Claim claim{
        .sequence = claim_sequence(word), .slot = slot, .delivery = std::min(claim_delivery(word) + 1, max_delivery)};
    // A frame that is not offered was not the predecessor's yet, or the producer is just finding out that it is.
    const bool is_due = is_reading(word) && policy_ != FramePolicy::latest_only && claim.sequence != 0 &&
                        claim.sequence <= known_published_ &&
                        stream_.slots[slot].offered.load(std::memory_order_seq_cst) == claim.sequence;
    if (is_due)
      inherited_.push_back(claim);
    else
      words_.claims[slot].store(0, std::memory_order_seq_cst);
  }
  std::ranges::sort(inherited_, std::greater{}, &Claim::sequence);
  return {};
}

Result<std::optional<Claim>> QueueReader::try_claim() {
  if (!inherited_.empty()) {
    const Claim claim = inherited_.back();
    inherited_.pop_back();
    words_.claims[claim.slot].store(claim_word(claim.sequence, claim.delivery), std::memory_order_seq_cst);
    return std::optional{claim};
  }
  // SYNC POINT with head store in QueueProducer::publish, finish
  const std::uint64_t published = head_sequence(stream_.head->head.load(std::memory_order_seq_cst));
  if (published < known_published_ || published > max_sequence)
    return fail(Errc::bad_message, "the producer wrote an impossible sequence");
  known_published_ = published;
  const std::uint64_t before = cursor_;
  while (cursor_ < published) {
    const std::uint64_t wanted = next_wanted(published);
    const std::uint64_t entry = stream_.log_entry(wanted).load(std::memory_order_acquire);
    const std::uint32_t slot = log_slot(entry);
    if (log_sequence(entry) == wanted) {
      if (slot >= words_.claims.size() || is_reading(words_.claims[slot].load(std::memory_order_relaxed))) {
        cursor_ = wanted;
        commit();
        return fail(Errc::bad_message, "the producer published a frame in an impossible slot");
      }
      if (protect(slot, wanted)) return std::optional{Claim{.sequence = wanted, .slot = slot, .delivery = 1}};
    }
    cursor_ = wanted;
  }
  if (cursor_ != before) commit();
  return std::optional<Claim>{};
}

std::uint64_t QueueReader::next_wanted(std::uint64_t published) const noexcept {
  if (policy_ == FramePolicy::latest_only) return published;
  const std::uint64_t known = stream_.log.size();
  return std::max(cursor_ + 1, published < known ? 1 : published - known + 1);
}

bool QueueReader::protect(std::uint32_t slot, std::uint64_t sequence) noexcept {
  // SYNC POINT with claims load in QueueProducer::is_claimed, and with offered store in QueueProducer::take_back:
  // either the producer sees the claim, or that the frame is gone is seen here.
  words_.claims[slot].store(claim_word(sequence, 1), std::memory_order_seq_cst);
  if (stream_.slots[slot].offered.load(std::memory_order_seq_cst) == sequence) return true;
  words_.claims[slot].store(0, std::memory_order_seq_cst);
  return false;
}

FrameMeta QueueReader::meta(const Claim& claim) const noexcept {
  return load_meta(stream_.slots[claim.slot].meta);
}

std::uint32_t QueueReader::generation(const Claim& claim) const noexcept {
  return static_cast<std::uint32_t>(stream_.slots[claim.slot].generation.load(std::memory_order_relaxed));
}

void QueueReader::accept(const Claim& claim) noexcept {
  if (claim.sequence > cursor_) {
    cursor_ = claim.sequence;
    ++delivered_;
  } else {
    ++redelivered_;
  }
  commit();
}

void QueueReader::reject(const Claim& claim) noexcept {
  cursor_ = std::max(cursor_, claim.sequence);
  commit();
  release(claim.slot);
}

void QueueReader::release(std::uint32_t slot) noexcept {
  // SYNC POINT with claims load in QueueProducer::is_claimed: reading is over before the slot is filled again.
  words_.claims[slot].store(0, std::memory_order_seq_cst);
}

void QueueReader::commit() noexcept {
  ++commits_;
  ReaderHead::Progress& next = words_.head->progress[commits_ & 1];
  next.cursor.store(cursor_, std::memory_order_release);
  next.delivered.store(delivered_, std::memory_order_release);
  next.redelivered.store(redelivered_, std::memory_order_release);
  // SYNC POINT with commits load in QueueProducer::lowest_cursor, read_statistics
  words_.head->commits.store(commits_, std::memory_order_seq_cst);
}

bool QueueReader::has_news() const noexcept {
  // SYNC POINT with head store in QueueProducer::publish, finish
  const std::uint64_t head = stream_.head->head.load(std::memory_order_seq_cst);
  return !inherited_.empty() || head_finished(head) || head_sequence(head) != cursor_;
}

bool QueueReader::at_end() const noexcept {
  // SYNC POINT with head store in QueueProducer::finish
  return inherited_.empty() && stream_.head->head.load(std::memory_order_seq_cst) == head_word(cursor_, true);
}

void QueueReader::leave() noexcept {
  for (const Claim& claim : inherited_) release(claim.slot);
  inherited_.clear();
  words_.head->left.store(1, std::memory_order_seq_cst);
}

}  // namespace prong::frame::detail
