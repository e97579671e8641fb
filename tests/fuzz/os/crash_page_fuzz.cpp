// A crash page, or the image of a stack, from a process that writes whatever it likes: reading and naming it ends, and
// the report is bounded.
#include "prong/base/crash_report.hpp"
#include "prong/os/crash_evidence.hpp"
#include "prong/os/crash_page.hpp"
#include "prong/os/detail/crash_record.hpp"
#include "prong/os/detail/module_scan.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>

namespace prong::os {
namespace {

using detail::CrashRecord;
using detail::CrashWords;
using detail::RecordedModule;

constexpr std::size_t record_at = offsetof(CrashWords, record);
// A pipe that nobody writes to: who opens it for reading waits for ever.
const std::string& pipe_path() {
  static const std::string path = [] {
    std::string made = "/tmp/prong-fuzz-" + std::to_string(::getpid());
    if (::mkfifo(made.c_str(), 0600) == 0) std::atexit([] { ::unlink(pipe_path().c_str()); });
    return made;
  }();
  return path;
}

void require(bool condition) {
  if (!condition) std::abort();
}

// The parts of an input: one byte that says what, then numbers and bytes as they are asked for.
class Parts {
 public:
  explicit Parts(Bytes input) noexcept : left_{input} {}

  template <class T>
  T number() noexcept {
    T value{};
    const Bytes bytes = next(sizeof value);
    std::memcpy(&value, bytes.data(), bytes.size());
    return value;
  }
  Bytes next(std::size_t size) noexcept {
    const Bytes bytes = left_.first(std::min(size, left_.size()));
    left_ = left_.subspan(bytes.size());
    return bytes;
  }
  [[nodiscard]] bool empty() const noexcept { return left_.empty(); }

 private:
  Bytes left_;
};

// This program, mapped as it is.
const CapturedModule& own_module() {
  static const CapturedModule own = [] {
    CapturedModule module;
    const auto take = [](void* argument, const detail::MappedModule& mapped) {
      const auto here = reinterpret_cast<std::uint64_t>(&require);
      if (here < mapped.begin || here >= mapped.end) return true;
      const detail::BuildId id = detail::read_build_id(::getpid(), mapped);
      *static_cast<CapturedModule*>(argument) = {.begin = mapped.begin,
                                                 .end = mapped.end,
                                                 .file_offset = mapped.file_offset,
                                                 .device = mapped.device,
                                                 .inode = mapped.inode,
                                                 .path = std::string{mapped.path},
                                                 .build_id = {id.bytes, id.bytes + id.size}};
      return false;
    };
    detail::visit_modules(::getpid(), take, &module);
    return module;
  }();
  return own;
}

template <class T>
void put(std::vector<std::byte>& page, std::size_t offset, const T& value) {
  std::memcpy(page.data() + record_at + offset, &value, sizeof value);
}

void put_module(std::vector<std::byte>& page, std::size_t index, const CapturedModule& module, std::size_t path_at) {
  RecordedModule entry;
  entry.begin = module.begin;
  entry.end = module.end;
  entry.file_offset = module.file_offset;
  entry.inode = module.inode;
  entry.path_offset = static_cast<std::uint16_t>(path_at);
  entry.path_size = static_cast<std::uint16_t>(module.path.size());
  entry.build_id_size = static_cast<std::uint32_t>(module.build_id.size());
  std::copy(module.build_id.begin(), module.build_id.end(), entry.build_id);
  put(page, offsetof(CrashRecord, modules) + index * sizeof entry, entry);
  std::memcpy(page.data() + record_at + offsetof(CrashRecord, paths) + path_at, module.path.data(), module.path.size());
}

// Frames in this program, in a pipe and in nothing.
std::vector<std::byte> honest_page() {
  std::vector<std::byte> page(sizeof(CrashWords));
  put(page, offsetof(CrashRecord, state), std::uint32_t{3});
  put(page, offsetof(CrashRecord, kind), std::uint32_t{1});
  put(page, offsetof(CrashRecord, exception), std::uint32_t{2});
  put(page, offsetof(CrashRecord, frame_count), std::uint64_t{4});
  put(page, offsetof(CrashRecord, module_count), std::uint32_t{2});
  const auto here = reinterpret_cast<std::uint64_t>(&require);
  const std::uint64_t frames[] = {here | detail::exact_address, here + 40, 0x10000, 0};
  put(page, offsetof(CrashRecord, first_frames), frames);
  put_module(page, 0, own_module(), 0);
  CapturedModule pipe;
  pipe.begin = 0x10000;
  pipe.end = 0x20000;
  pipe.path = pipe_path();
  put_module(page, 1, pipe, own_module().path.size());
  return page;
}

void check(StackCapture capture) {
  const CrashReport report = make_evidence(CrashReport{}, std::move(capture))->report();
  require(to_string(report).size() <= std::size_t{256} * 1024);
  const StackFrame* const frame = own_frame(report);
  if (frame != nullptr) require(!to_string(*frame).empty());
}

// An input writes pieces over an honest page: a place, a length, bytes.
void read_page(Parts& parts, bool with_names) {
  static const std::vector<std::byte> honest = honest_page();
  std::vector<std::byte> page = honest;
  while (!parts.empty()) {
    const std::size_t place = parts.number<std::uint16_t>() % page.size();
    const Bytes bytes = parts.next(std::min<std::size_t>(parts.number<std::uint8_t>(), page.size() - place));
    std::copy(bytes.begin(), bytes.end(), page.begin() + static_cast<std::ptrdiff_t>(place));
  }
  auto note = parse_crash_page(page);
  if (!note) return;
  require(note->capture.threads.size() <= 1 && note->capture.modules.size() <= detail::record_modules);
  if (with_names) check(std::move(note->capture));
}

// An input is the registers and the stack of a thread in this program.
void unwind(Parts& parts) {
  StackCapture capture;
  capture.modules.push_back(own_module());
  CapturedThread& thread = capture.threads.emplace_back();
  const auto here = reinterpret_cast<std::uint64_t>(&require);
  const auto address = [&] {
    // Near this function, near the stack, or anywhere.
    const auto number = parts.number<std::uint64_t>();
    if (number % 4 == 0) return here + number % 65536;
    if (number % 4 == 1) return 0x7ff000000000 + number % 8192;
    return number;
  };
  thread.image.begin = 0x7ff000000000;
  thread.image.pc = here + parts.number<std::uint16_t>();
  for (std::uint64_t& one : thread.image.registers) one = address();
  while (!parts.empty()) {
    const std::uint64_t word = address();
    const Bytes bytes = std::as_bytes(std::span{&word, 1});
    thread.image.memory.insert(thread.image.memory.end(), bytes.begin(), bytes.end());
  }
  check(std::move(capture));
}

}  // namespace
}  // namespace prong::os

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace prong;
  os::Parts parts{std::as_bytes(std::span{data, size})};
  // Naming reads this whole program, a thousand times slower than reading a page.
  const unsigned kind = parts.number<std::uint8_t>() % 32;
  if (kind == 1)
    os::unwind(parts);
  else
    os::read_page(parts, kind == 0);
  return 0;
}
