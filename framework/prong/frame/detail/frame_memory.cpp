#include "prong/frame/detail/frame_memory.hpp"

#include "prong/base/checked.hpp"
#include "prong/base/contract.hpp"
#include "prong/os/process_token.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <utility>

namespace prong::frame::detail {
namespace {

constexpr std::size_t max_readers = 64;
constexpr std::uint64_t nobody = 0;    // No process has this token.
constexpr std::size_t max_name = 200;  // memfd_create(2) takes 249 bytes.

std::uint64_t next_pool() noexcept {
  static std::atomic<std::uint32_t> count{0};
  return os::process_token() << 32 | ++count;
}

// Has every page of `mapping` ready, so that no first touch costs a fault. At worst it costs one after all.
void fault_in(const os::Mapping& mapping) noexcept {
  if (::madvise(mapping.data(), mapping.size(), MADV_POPULATE_READ) == 0) return;
  // Before Linux 5.14.
  for (std::size_t offset = 0; offset < mapping.size(); offset += os::page_size())
    static_cast<void>(*static_cast<const volatile std::byte*>(mapping.data() + offset));
}

// The same memory through a descriptor that cannot be mapped for writing, nor made so by mprotect(2).
Result<os::SharedMemory> reopen_read_only(const os::SharedMemory& memory) {
  const std::string path = "/proc/self/fd/" + std::to_string(memory.descriptor());
  os::UniqueFd descriptor{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!descriptor) return Error::from_errno(path);
  return os::SharedMemory::open(std::move(descriptor));
}

// A lock of the process, not of the descriptor: a fork does not hand it on, and death takes it away.
Result<void> lock(const os::SharedMemory& memory) {
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  if (::fcntl(memory.descriptor(), F_SETLK, &whole) == 0) return {};
  if (errno != EAGAIN && errno != EACCES) return Error::from_errno("F_SETLK");
  const bool known = ::fcntl(memory.descriptor(), F_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
  return fail(Errc::invalid_state,
              "process " + (known ? std::to_string(whole.l_pid) : "?") + " has this end of the ring");
}

void unlock(const os::SharedMemory& memory) noexcept {
  struct flock whole {};
  whole.l_type = F_UNLCK;
  whole.l_whence = SEEK_SET;
  static_cast<void>(::fcntl(memory.descriptor(), F_SETLK, &whole));
}

}  // namespace

Result<std::size_t> FrameGeometry::stride() const {
  const std::size_t unit = slot_bytes > os::page_size() ? os::page_size() : apart;
  const auto padded = checked_add(slot_bytes, unit - 1);
  if (slot_bytes == 0 || !padded) return fail(Errc::size_invalid, "a slot of " + std::to_string(slot_bytes) + " bytes");
  return *padded / unit * unit;
}

RoleMapping::RoleMapping(Role role, FrameGeometry geometry, std::vector<os::Mapping> mappings)
    : role_{role},
      geometry_{geometry},
      stride_{geometry.stride().value()},
      process_{os::process_token()},
      mappings_{std::make_unique<std::vector<os::Mapping>>(std::move(mappings))} {}

RoleMapping::~RoleMapping() {
  // In a forked child the addresses are not mapped, or by now belong to something else: they must not be unmapped.
  if (!is_of_this_process()) static_cast<void>(mappings_.release());
}

std::byte* RoleMapping::memory(std::size_t number) const noexcept {
  return (*mappings_)[number].data();
}

bool RoleMapping::is_of_this_process() const noexcept {
  return process_ == os::process_token();
}

MutableBytes RoleMapping::slot(std::uint32_t slot) const noexcept {
  PRONG_EXPECT(slot < geometry_.slots, "a slot of the pool");
  return {memory(0) + slot * stride_, geometry_.slot_bytes};
}

StreamWords<false> RoleMapping::stream() const noexcept {
  return StreamWords<false>::at(memory(1), geometry_.slots);
}

ReaderWords<false> RoleMapping::reader(std::size_t index) const noexcept {
  return ReaderWords<false>::at(memory(2 + index), geometry_.slots);
}

StreamWords<true> RoleMapping::own_stream() const noexcept {
  PRONG_EXPECT(role_ == Role::producer(), "the producer writes the stream");
  return StreamWords<true>::at(memory(1), geometry_.slots);
}

ReaderWords<true> RoleMapping::own_reader(std::size_t index) const noexcept {
  PRONG_EXPECT(role_ == Role::reader(index), "a reader writes its own words");
  return ReaderWords<true>::at(memory(2 + index), geometry_.slots);
}

FrameMemory::FrameMemory(FrameGeometry geometry, std::uint64_t maker, std::uint64_t pool) noexcept
    : geometry_{geometry}, maker_{maker}, pool_{pool} {}

Result<std::shared_ptr<FrameMemory>> FrameMemory::create(const std::string& name, FrameGeometry geometry) {
  if (geometry.slots == 0 || geometry.slots > max_slots)
    return fail(Errc::size_invalid, std::to_string(geometry.slots) + " slots: a pool has 1 to 65,535");
  if (geometry.readers > max_readers)
    return fail(Errc::size_invalid, std::to_string(geometry.readers) + " readers: a ring has 1 to 64");
  if (name.empty() || name.size() > max_name || name.find('\0') != std::string::npos)
    return fail(Errc::invalid_argument, "the name of a pool has 1 to 200 bytes");
  PRONG_TRY_ASSIGN(const std::size_t stride, geometry.stride());
  const auto pixels = checked_multiply(stride, geometry.slots);
  if (!pixels) return fail(Errc::size_invalid, "a pool larger than memory");

  const std::shared_ptr<FrameMemory> made{new FrameMemory{geometry, os::process_token(), next_pool()}};
  const std::string prefix = "prong-frames-" + name;
  PRONG_TRY(made->make(prefix + "-pixels", *pixels));
  PRONG_TRY(made->make(prefix + "-stream", stream_size(geometry.slots)));
  for (std::size_t reader = 0; reader < geometry.readers; ++reader)
    PRONG_TRY(made->make(prefix + "-reader-" + std::to_string(reader), reader_size(geometry.slots)));
  PRONG_TRY(made->make_bells());
  return made;
}

Result<void> FrameMemory::make(const std::string& name, std::size_t size) {
  PRONG_TRY_ASSIGN(auto memory, os::SharedMemory::create(name, size));
  // Allocated pages are cleared when they are first touched: that is done now, not in the first frame.
  PRONG_TRY_ASSIGN(const os::Mapping mapping, memory.map(os::Access::read_only));
  fault_in(mapping);
  add_memory(std::move(memory));
  return {};
}

void FrameMemory::add_memory(os::SharedMemory memory) {
  const int descriptor = memory.descriptor();
  memories_.push_back({.shared = std::move(memory), .inherited = os::InheritedDescriptor{descriptor}});
}

void FrameMemory::add_bell(os::EventFd bell) {
  const int descriptor = bell.descriptor();
  bells_.push_back({.event = std::move(bell), .inherited = os::InheritedDescriptor{descriptor}});
}

Result<FrameTicket> FrameMemory::ticket() {
  const std::lock_guard guard{mutex_};
  FrameTicket ticket{.slots = geometry_.slots,
                     .slot_bytes = geometry_.slot_bytes,
                     .readers = geometry_.readers,
                     .policy = geometry_.policy,
                     .pool = pool_,
                     .memories = {},
                     .bells = {}};
  for (const Memory& memory : memories_)
    if (memory.shared) ticket.memories.push_back(memory.shared->descriptor());
  for (const Bell& bell : bells_)
    if (bell.event) ticket.bells.push_back(bell.event->descriptor());
  if (ticket.memories.size() != memories_.size() || ticket.bells.size() != bells_.size())
    return fail(Errc::invalid_state, "this process has taken an end of the ring and cannot hand the others on");
  return ticket;
}

Result<std::shared_ptr<FrameMemory>> FrameMemory::open(const FrameTicket& ticket) {
  const FrameGeometry geometry{
      .slots = ticket.slots, .slot_bytes = ticket.slot_bytes, .readers = ticket.readers, .policy = ticket.policy};
  const auto misfit = [] { return fail(Errc::bad_message, "descriptors that are not those of such a ring"); };
  if (geometry.slots == 0 || geometry.slots > max_slots || geometry.readers > max_readers ||
      ticket.memories.size() != 2 + geometry.readers || ticket.bells.size() != 1 + geometry.readers)
    return misfit();
  PRONG_TRY_ASSIGN(const std::size_t stride, geometry.stride());
  const auto pixels = checked_multiply(stride, geometry.slots);
  if (!pixels) return misfit();
  const std::shared_ptr<FrameMemory> opened{new FrameMemory{geometry, nobody, ticket.pool}};
  for (std::size_t number = 0; number < ticket.memories.size(); ++number) {
    PRONG_TRY_ASSIGN(auto memory, os::SharedMemory::open(os::UniqueFd{ticket.memories[number]}));
    const std::size_t least = number == 0   ? *pixels
                              : number == 1 ? stream_size(geometry.slots)
                                            : reader_size(geometry.slots);
    if (memory.size() < least) return misfit();
    opened->add_memory(std::move(memory));
  }
  for (const std::int32_t bell : ticket.bells) opened->add_bell(os::EventFd::open(os::UniqueFd{bell}));
  return opened;
}

Result<void> FrameMemory::make_bells() {
  for (std::size_t bell = 0; bell < 1 + geometry_.readers; ++bell) {
    PRONG_TRY_ASSIGN(auto made, os::EventFd::create());
    add_bell(std::move(made));
  }
  return {};
}

bool FrameMemory::is_maker() const noexcept {
  return maker_ == os::process_token();
}

Result<std::shared_ptr<const RoleMapping>> FrameMemory::take(Role role) {
  const std::lock_guard guard{mutex_};
  Memory& words = memories_[role.own_words()];
  const std::uint64_t token = os::process_token();
  if (words.holder == token) return fail(Errc::invalid_state, "this process has this end of the ring already");
  if (!words.shared) return fail(Errc::invalid_state, "this process has taken another end of the ring");
  PRONG_TRY(lock(*words.shared));
  auto mapped = map(role);
  if (!mapped) {
    unlock(*words.shared);
    return mapped;
  }
  words.holder = token;
  keep_only(role);
  return mapped;
}

void FrameMemory::give_up(Role role) noexcept {
  const std::lock_guard guard{mutex_};
  Memory& words = memories_[role.own_words()];
  if (words.holder != os::process_token()) return;
  words.holder = 0;
  unlock(*words.shared);
}

Result<std::shared_ptr<const RoleMapping>> FrameMemory::view() {
  const std::lock_guard guard{mutex_};
  if (mapping_ && mapping_->is_of_this_process()) return mapping_;
  return map(Role::viewer());
}

Result<std::shared_ptr<const RoleMapping>> FrameMemory::map(Role role) {
  if (mapping_ && mapping_->is_of_this_process() && mapping_->role() == role) return mapping_;
  std::vector<os::Mapping> mappings;
  for (std::size_t number = 0; number < memories_.size(); ++number) {
    if (!memories_[number].shared) return fail(Errc::invalid_state, "this process has taken another end of the ring");
    PRONG_TRY_ASSIGN(auto mapping, map_one(*memories_[number].shared, role.writes(number)));
    mappings.push_back(std::move(mapping));
  }
  auto mapped = std::make_shared<const RoleMapping>(role, geometry_, std::move(mappings));
  // Any role can be looked at; that of a backend stays, because its descriptors do not.
  if (!mapping_ || !mapping_->is_of_this_process() || mapping_->role().is_viewer()) mapping_ = mapped;
  return mapped;
}

Result<os::Mapping> FrameMemory::map_one(const os::SharedMemory& memory, bool writable) const {
  const auto map_ready = [](const os::SharedMemory& from, os::Access access) -> Result<os::Mapping> {
    PRONG_TRY_ASSIGN(auto mapping, from.map(access));
    PRONG_TRY(mapping.keep_from_children());
    fault_in(mapping);
    return mapping;
  };
  if (writable) return map_ready(memory, os::Access::read_write);
  // The maker is trusted; and closing a second descriptor would take this process's lock on the memory away.
  if (is_maker()) return map_ready(memory, os::Access::read_only);
  PRONG_TRY_ASSIGN(const os::SharedMemory read_only, reopen_read_only(memory));
  return map_ready(read_only, os::Access::read_only);
}

void FrameMemory::keep_only(Role role) noexcept {
  if (is_maker()) return;
  for (std::size_t number = 0; number < memories_.size(); ++number) {
    if (number == role.own_words()) continue;
    memories_[number].inherited = {};
    memories_[number].shared.reset();
  }
  if (role == Role::producer()) return;
  for (std::size_t number = 1; number < bells_.size(); ++number) {
    if (role == Role::reader(number - 1)) continue;
    bells_[number].inherited = {};
    bells_[number].event.reset();
  }
}

}  // namespace prong::frame::detail
