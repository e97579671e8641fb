// The words of a crash page. Layout: docs/formats/crash_page.md.
//
// The backend writes all of it but `asked`; its frontend believes none of it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace prong::os::detail {

/// What the record tells of.
enum class RecordKind : std::uint32_t { crash = 1, asked = 2 };

/// How far the writer came; what a smaller number stands for is whole.
enum class RecordState : std::uint32_t { empty = 0, begun = 1, walked = 2, complete = 3 };

/// What is known of an exception that ended in std::terminate.
enum class ExceptionState : std::uint32_t { none = 0, terminate = 1, typed = 2 };

/// A file whose code was on the stack.
struct RecordedModule {
  std::uint64_t begin = 0;  ///< The addresses of its mappings.
  std::uint64_t end = 0;
  std::uint64_t file_offset = 0;  ///< Of `begin`.
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint16_t path_offset = 0;  ///< In `paths`.
  std::uint16_t path_size = 0;
  std::uint32_t build_id_size = 0;
  std::uint8_t build_id[32] = {};
};

constexpr std::size_t record_end_frames = 64;  ///< At each end of a stack.
constexpr std::size_t record_modules = 64;

/// Set in a frame whose address is that of an instruction; the others are return addresses, just behind a call.
constexpr std::uint64_t exact_address = std::uint64_t{1} << 63;

/// What the backend's handler leaves.
struct CrashRecord {
  std::atomic<std::uint32_t> state;
  std::uint32_t kind;
  std::int32_t signal;
  std::int32_t signal_code;
  std::uint64_t fault_address;
  std::int32_t sender_pid;
  std::int32_t thread;
  char thread_name[16];
  std::atomic<std::uint64_t> frame_count;  ///< All that were seen, those included that no place was left for.
  std::atomic<std::uint32_t> exception;
  std::atomic<std::uint32_t> module_count;
  char exception_type[256];  ///< As the compiler spells it.
  char exception_what[640];
  std::uint64_t first_frames[record_end_frames];
  std::uint64_t last_frames[record_end_frames];  ///< A ring: frame n is at n modulo its size.
  RecordedModule modules[record_modules];
  char paths[5056];
};

/// The whole page.
struct CrashWords {
  /// The command that runs: how often that changed, times 65,536, plus the command's number plus one, or 0 for none.
  std::atomic<std::uint64_t> running;
  std::atomic<std::uint64_t> request;
  /// The thread that the frontend asks for its stack, and above its 32 bits the number of the question.
  std::atomic<std::uint64_t> asked;
  std::atomic<std::uint64_t> answered;  ///< The question that `record` answers.
  std::byte unused[32];
  CrashRecord record;
};

static_assert(offsetof(CrashWords, record) == 64);
static_assert(offsetof(CrashRecord, thread_name) == 32);
static_assert(offsetof(CrashRecord, frame_count) == 48);
static_assert(offsetof(CrashRecord, exception_type) == 64);
static_assert(offsetof(CrashRecord, first_frames) == 960);
static_assert(offsetof(CrashRecord, modules) == 1984);
static_assert(sizeof(RecordedModule) == 80);
static_assert(offsetof(CrashRecord, paths) == 7104);
static_assert(sizeof(CrashWords) == 12224);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

}  // namespace prong::os::detail
