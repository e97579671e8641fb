#include "prong/os/detail/module_scan.hpp"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

namespace prong::os::detail {
namespace {

constexpr std::size_t longest_line = 4096 + 128;  // a path and what stands before it
constexpr std::size_t most_notes = 1024;

// Writes "/proc/PID/maps".
void write_maps_path(pid_t pid, char (&path)[32]) noexcept {
  char digits[12];
  std::size_t count = 0;
  do {
    digits[count++] = static_cast<char>('0' + pid % 10);
    pid /= 10;
  } while (pid != 0);
  constexpr char before[] = "/proc/";
  constexpr char behind[] = "/maps";
  char* out = path;
  std::memcpy(out, before, sizeof before - 1);
  out += sizeof before - 1;
  while (count > 0) *out++ = digits[--count];
  std::memcpy(out, behind, sizeof behind);
}

// One line of maps: "begin-end perms offset major:minor inode path".
struct Line {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  bool executable = false;
  std::uint64_t offset = 0;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::string_view path;
};

class LineReader {
 public:
  explicit LineReader(std::string_view text) noexcept : left_{text} {}

  std::uint64_t number(unsigned base) noexcept {
    std::uint64_t value = 0;
    for (; !left_.empty(); left_.remove_prefix(1)) {
      const char c = left_.front();
      unsigned digit = base;
      if (c >= '0' && c <= '9')
        digit = static_cast<unsigned>(c - '0');
      else if (c >= 'a' && c <= 'f')
        digit = static_cast<unsigned>(c - 'a') + 10;
      if (digit >= base) break;
      value = value * base + digit;
    }
    return value;
  }
  void skip(std::size_t count = 1) noexcept { left_.remove_prefix(std::min(count, left_.size())); }
  void skip_spaces() noexcept {
    while (!left_.empty() && left_.front() == ' ') left_.remove_prefix(1);
  }
  [[nodiscard]] std::string_view rest() const noexcept { return left_; }

 private:
  std::string_view left_;
};

Line parse(std::string_view text) noexcept {
  LineReader reader{text};
  Line line;
  line.begin = reader.number(16);
  reader.skip();
  line.end = reader.number(16);
  reader.skip();
  line.executable = reader.rest().size() > 2 && reader.rest()[2] == 'x';
  reader.skip(5);
  line.offset = reader.number(16);
  reader.skip();
  const std::uint64_t major = reader.number(16);
  reader.skip();
  line.device = major << 32 | reader.number(16);
  reader.skip();
  line.inode = reader.number(10);
  reader.skip_spaces();
  line.path = reader.rest();
  return line;
}

// Puts the mappings of one file together.
class Grouping {
 public:
  Grouping(bool (*visit)(void*, const MappedModule&), void* argument) noexcept : visit_{visit}, argument_{argument} {}

  bool add(const Line& line) noexcept {
    const bool is_file = line.inode != 0 || line.path == "[vdso]";
    if (open_ && is_file && line.inode == module_.inode && line.device == module_.device &&
        line.offset >= last_offset_) {
      module_.end = line.end;
      last_offset_ = line.offset;
      executable_ = executable_ || line.executable;
      return true;
    }
    if (!close()) return false;
    if (!is_file) return true;
    const std::size_t size = std::min(line.path.size(), sizeof path_);
    std::memcpy(path_, line.path.data(), size);
    module_ = MappedModule{line.begin, line.end, line.offset, line.device, line.inode, {path_, size}};
    last_offset_ = line.offset;
    executable_ = line.executable;
    open_ = true;
    return true;
  }
  bool close() noexcept {
    const bool tell = open_ && executable_;
    open_ = false;
    return !tell || visit_(argument_, module_);
  }

 private:
  bool (*visit_)(void*, const MappedModule&);
  void* argument_;
  MappedModule module_;
  std::uint64_t last_offset_ = 0;
  bool executable_ = false;
  bool open_ = false;
  char path_[4096];
};

ssize_t read_some(int file, char* into, std::size_t size) noexcept {
  ssize_t got = 0;
  do got = ::read(file, into, size);
  while (got < 0 && errno == EINTR);
  return got;
}

constexpr std::size_t aligned(std::size_t size) noexcept {
  return (size + 3) / 4 * 4;
}

}  // namespace

bool visit_modules(pid_t pid, bool (*visit)(void*, const MappedModule&), void* argument) noexcept {
  char name[32];
  write_maps_path(pid, name);
  const int file = ::open(name, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  char buffer[2 * longest_line];
  std::size_t filled = 0;
  Grouping modules{visit, argument};
  bool whole = false;
  for (bool go_on = true; go_on;) {
    const ssize_t got = read_some(file, buffer + filled, sizeof buffer - filled);
    if (got <= 0) {
      whole = got == 0 && modules.close();
      break;
    }
    filled += static_cast<std::size_t>(got);
    std::string_view text{buffer, filled};
    for (auto end = text.find('\n'); go_on && end != text.npos; end = text.find('\n')) {
      go_on = modules.add(parse(text.substr(0, end)));
      text.remove_prefix(end + 1);
    }
    if (text.size() >= longest_line) break;
    std::memmove(buffer, text.data(), text.size());
    filled = text.size();
  }
  ::close(file);
  return whole;
}

bool read_memory(pid_t pid, std::uint64_t address, std::span<std::byte> into) noexcept {
  const iovec local{into.data(), into.size()};
  const iovec remote{reinterpret_cast<void*>(address), into.size()};
  return ::process_vm_readv(pid, &local, 1, &remote, 1, 0) == static_cast<ssize_t>(into.size());
}

BuildId find_build_id(std::span<const std::byte> notes) noexcept {
  while (notes.size() >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) header;
    std::memcpy(&header, notes.data(), sizeof header);
    notes = notes.subspan(sizeof header);
    if (header.n_namesz > most_notes || header.n_descsz > most_notes) return {};
    const std::size_t name_size = aligned(header.n_namesz);
    const std::size_t size = name_size + aligned(header.n_descsz);
    if (notes.size() < name_size + header.n_descsz) return {};
    BuildId id;
    if (header.n_type == NT_GNU_BUILD_ID && header.n_namesz == 4 && std::memcmp(notes.data(), "GNU", 4) == 0 &&
        header.n_descsz <= sizeof id.bytes) {
      id.size = header.n_descsz;
      std::memcpy(id.bytes, notes.data() + name_size, id.size);
      return id;
    }
    notes = notes.subspan(std::min(size, notes.size()));
  }
  return {};
}

BuildId read_build_id(pid_t pid, const MappedModule& module) noexcept {
  // The headers of the segments come right behind that of the file, in all files that a linker makes.
  struct {
    ElfW(Ehdr) file;
    ElfW(Phdr) segments[16];
  } headers;
  static_assert(offsetof(decltype(headers), segments) == sizeof(ElfW(Ehdr)));
  if (module.file_offset != 0 || !read_memory(pid, module.begin, std::as_writable_bytes(std::span{&headers, 1})))
    return {};
  if (std::memcmp(headers.file.e_ident, ELFMAG, SELFMAG) != 0 || headers.file.e_phoff != sizeof headers.file ||
      headers.file.e_phentsize != sizeof headers.segments[0])
    return {};
  const std::span segments{headers.segments, std::min<std::size_t>(headers.file.e_phnum, std::size(headers.segments))};
  std::uint64_t first = ~std::uint64_t{0};
  for (const auto& segment : segments)
    if (segment.p_type == PT_LOAD) first = std::min<std::uint64_t>(first, segment.p_vaddr - segment.p_offset);
  // All notes in one system call.
  constexpr std::size_t most_segments = 4;
  std::byte notes[most_segments][most_notes];
  iovec local[most_segments];
  iovec remote[most_segments];
  std::size_t count = 0;
  for (const auto& segment : segments) {
    if (segment.p_type != PT_NOTE || count == most_segments) continue;
    const std::size_t size = std::min<std::size_t>(segment.p_filesz, most_notes);
    local[count] = {notes[count], size};
    remote[count] = {reinterpret_cast<void*>(module.begin + segment.p_vaddr - first), size};
    ++count;
  }
  auto left = static_cast<std::size_t>(std::max<ssize_t>(::process_vm_readv(pid, local, count, remote, count, 0), 0));
  for (std::size_t i = 0; i < count && local[i].iov_len <= left; left -= local[i].iov_len, ++i)
    if (const BuildId id = find_build_id({notes[i], local[i].iov_len}); id.size != 0) return id;
  return {};
}

}  // namespace prong::os::detail
