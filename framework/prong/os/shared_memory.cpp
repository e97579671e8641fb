#include "prong/os/shared_memory.hpp"

#include "prong/base/checked.hpp"
#include "prong/base/contract.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

namespace prong::os {
namespace {

constexpr int required_seals = F_SEAL_SHRINK | F_SEAL_GROW;

int protection(Access access) noexcept {
  return access == Access::read_only ? PROT_READ : PROT_READ | PROT_WRITE;
}

// More than the machine has would be found out page by page, with everything else pushed out of memory first.
bool exceeds_machine(std::size_t size) noexcept {
  struct sysinfo info {};
  if (::sysinfo(&info) != 0) return false;
  const auto units = checked_add<std::uint64_t>(info.totalram, info.totalswap);
  const auto total = units ? checked_multiply<std::uint64_t>(*units, info.mem_unit) : std::nullopt;
  return total && size > *total;
}

}  // namespace

Mapping::Mapping(Mapping&& other) noexcept
    : data_{std::exchange(other.data_, nullptr)}, size_{std::exchange(other.size_, 0)} {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  if (this != &other) {
    if (data_ != nullptr) ::munmap(data_, size_);
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

Mapping::~Mapping() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

Result<void> Mapping::make_read_only() {
  if (::mprotect(data_, size_, PROT_READ) != 0) return Error::from_errno("mprotect");
  return {};
}

Result<void> Mapping::keep_from_children() {
  if (::madvise(data_, size_, MADV_DONTFORK) != 0) return Error::from_errno("madvise");
  return {};
}

Result<void> Mapping::give_to_children() {
  if (::madvise(data_, size_, MADV_DOFORK) != 0) return Error::from_errno("madvise");
  return {};
}

Result<SharedMemory> SharedMemory::create(const std::string& name, std::size_t size) {
  PRONG_TRY_ASSIGN(const std::size_t whole, whole_pages(size));
  const auto length = checked_cast<off_t>(whole);
  if (!length || exceeds_machine(whole))
    return fail(Errc::size_invalid,
                "shared memory of " + std::to_string(size) + " bytes is more than this machine has");
  UniqueFd fd{::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING)};
  if (!fd) return Error::from_errno("memfd_create");
  // Allocating now turns "no memory left" into an error here, where ftruncate alone would be a SIGBUS later.
  if (const int error = ::posix_fallocate(fd.get(), 0, *length); error != 0)
    return Error::from_errno("shared memory of " + std::to_string(whole) + " bytes", error);
  if (::fcntl(fd.get(), F_ADD_SEALS, required_seals | F_SEAL_SEAL) != 0) return Error::from_errno("F_ADD_SEALS");
  return SharedMemory{std::move(fd), whole};
}

Result<SharedMemory> SharedMemory::open(UniqueFd descriptor) {
  const int seals = ::fcntl(descriptor.get(), F_GET_SEALS);
  if (seals < 0 || (seals & required_seals) != required_seals)
    return fail(Errc::bad_message, "the memory that the peer sent is not sealed against resizing");
  struct stat status {};
  if (::fstat(descriptor.get(), &status) != 0) return Error::from_errno("fstat");
  if (status.st_size <= 0) return fail(Errc::bad_message, "the memory that the peer sent is empty");
  return SharedMemory{std::move(descriptor), static_cast<std::size_t>(status.st_size)};
}

Result<Mapping> SharedMemory::map(Access access) const {
  return map_part(0, size_, access);
}

Result<Mapping> SharedMemory::map_part(std::size_t offset, std::size_t size, Access access) const {
  const auto end = checked_add(offset, size);
  PRONG_EXPECT(end && *end <= size_ && offset % page_size() == 0 && size > 0,
               "a mapping is of whole pages of the memory");
  void* const data = ::mmap(nullptr, size, protection(access), MAP_SHARED, fd_.get(), static_cast<off_t>(offset));
  if (data == MAP_FAILED) return Error::from_errno("mmap");
  return Mapping{static_cast<std::byte*>(data), size};
}

Result<Mapping> SharedMemory::map_twice(std::size_t offset, std::size_t size, Access access) const {
  const auto end = checked_add(offset, size);
  const auto twice = checked_add(size, size);
  PRONG_EXPECT(end && twice && *end <= size_ && offset % page_size() == 0 && size % page_size() == 0 && size > 0,
               "a double mapping is of whole pages inside the memory");
  // Reserve the addresses first: both halves then replace a mapping that is ours.
  void* const reserved = ::mmap(nullptr, *twice, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (reserved == MAP_FAILED) return Error::from_errno("mmap");
  Mapping mapping{static_cast<std::byte*>(reserved), *twice};
  for (const std::size_t half : {std::size_t{0}, size}) {
    if (::mmap(mapping.data() + half, size, protection(access), MAP_SHARED | MAP_FIXED, fd_.get(),
               static_cast<off_t>(offset)) == MAP_FAILED)
      return Error::from_errno("mmap");
  }
  return mapping;
}

std::size_t page_size() noexcept {
  static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

Result<std::size_t> whole_pages(std::size_t size) {
  const auto padded = checked_add(size, page_size() - 1);
  if (size == 0 || !padded) return fail(Errc::size_invalid, "a size of " + std::to_string(size) + " bytes");
  return *padded / page_size() * page_size();
}

}  // namespace prong::os
