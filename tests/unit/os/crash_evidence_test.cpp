#include "prong/os/crash_evidence.hpp"

#include "prong/os/detail/module_scan.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>

namespace prong::os {
namespace {

// A folder for one test, with nothing left of it afterwards.
class CrashEvidence_ : public ::testing::Test {
 protected:
  CrashEvidence_() {
    char name[] = "/tmp/prong-evidence-XXXXXX";
    if (::mkdtemp(name) == nullptr) throw std::runtime_error{"mkdtemp"};
    folder_ = name;
  }
  ~CrashEvidence_() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_;
};

__attribute__((noinline)) void somewhere() {
  asm volatile("");
}

std::uint64_t address_of_somewhere() {
  return reinterpret_cast<std::uint64_t>(&somewhere);
}

// The module of this program that `somewhere` lies in.
CapturedModule own_module() {
  CapturedModule own;
  const auto add = [](void* argument, const detail::MappedModule& module) {
    const std::uint64_t address = address_of_somewhere();
    if (address < module.begin || address >= module.end) return true;
    const detail::BuildId id = detail::read_build_id(::getpid(), module);
    *static_cast<CapturedModule*>(argument) = {.begin = module.begin,
                                               .end = module.end,
                                               .file_offset = module.file_offset,
                                               .device = module.device,
                                               .inode = module.inode,
                                               .path = std::string{module.path},
                                               .build_id = {id.bytes, id.bytes + id.size}};
    return false;
  };
  detail::visit_modules(::getpid(), add, &own);
  return own;
}

StackCapture capture_in(CapturedModule module, std::uint64_t address) {
  StackCapture capture;
  capture.modules.push_back(std::move(module));
  CapturedThread thread;
  thread.id = 1;
  thread.frames.push_back({.address = address, .exact = true});
  capture.threads.push_back(std::move(thread));
  return capture;
}

CrashReport report_of(StackCapture capture) {
  return make_evidence(CrashReport{}, std::move(capture))->report();
}

StackFrame only_frame(StackCapture capture) {
  const CrashReport report = report_of(std::move(capture));
  return report.threads.at(0).frames.at(0);
}

TEST_F(CrashEvidence_, function_and_line_are_found_in_the_file) {
  const StackFrame frame = only_frame(capture_in(own_module(), address_of_somewhere()));

  EXPECT_NE(frame.function.find("somewhere"), std::string::npos);
  EXPECT_NE(frame.file.find("crash_evidence_test.cpp"), std::string::npos);
  EXPECT_GT(frame.line, 0);
}

TEST_F(CrashEvidence_, report_is_the_same_for_each_thread_that_asks) {
  const auto evidence = make_evidence(CrashReport{}, capture_in(own_module(), address_of_somewhere()));
  const CrashReport* reports[2] = {};

  std::thread one{[&] { reports[0] = &evidence->report(); }};
  std::thread two{[&] { reports[1] = &evidence->report(); }};
  one.join();
  two.join();

  EXPECT_EQ(reports[0], reports[1]);
  EXPECT_EQ(reports[0]->threads.size(), 1U);
}

// Writes a copy of `module`'s file that is another build of the same code, and returns the module that it would be.
CapturedModule other_build(CapturedModule module, const std::filesystem::path& copy) {
  std::ifstream original{module.path, std::ios::binary};
  std::string bytes{std::istreambuf_iterator<char>{original}, {}};
  const std::string id{module.build_id.begin(), module.build_id.end()};
  const std::size_t place = bytes.find(id);
  if (id.empty() || place == bytes.npos) throw std::runtime_error{"no build ID"};
  bytes[place] = static_cast<char>(bytes[place] ^ 1);
  module.build_id[0] ^= 1;
  std::ofstream{copy, std::ios::binary} << bytes;
  module.path = copy.string();
  return module;
}

TEST_F(CrashEvidence_, file_that_this_program_does_not_run_is_looked_into_too) {
  const CapturedModule module = other_build(own_module(), folder_ / "plugin.so");

  const StackFrame frame = only_frame(capture_in(module, address_of_somewhere()));

  EXPECT_NE(frame.function.find("somewhere"), std::string::npos);
  EXPECT_NE(frame.file.find("crash_evidence_test.cpp"), std::string::npos);
}

TEST_F(CrashEvidence_, place_for_a_log_line_is_found_in_any_file) {
  const CapturedModule other = other_build(own_module(), folder_ / "plugin.so");

  for (const CapturedModule& module : {own_module(), other}) {
    const std::string place = own_place(capture_in(module, address_of_somewhere()));
    EXPECT_NE(place.find("somewhere"), std::string::npos) << place;
    EXPECT_NE(place.find("+0x"), std::string::npos) << place;
  }
  EXPECT_EQ(own_place({}), "");
}

TEST_F(CrashEvidence_, file_of_another_build_is_not_believed) {
  CapturedModule module = own_module();
  ASSERT_FALSE(module.build_id.empty());
  module.build_id[0] ^= 1;

  const StackFrame frame = only_frame(capture_in(module, address_of_somewhere()));

  EXPECT_TRUE(frame.function.empty());
  EXPECT_EQ(frame.module, module.path);
  EXPECT_EQ(frame.offset, address_of_somewhere() - module.begin);
}

TEST_F(CrashEvidence_, file_that_was_cut_off_is_survived) {
  const CapturedModule module = other_build(own_module(), folder_ / "plugin.so");
  const auto size = static_cast<double>(std::filesystem::file_size(module.path));
  for (const double part : {0.99, 0.9, 0.6, 0.3, 0.01, 0.0001}) {
    std::filesystem::resize_file(module.path, static_cast<std::uintmax_t>(size * part));

    EXPECT_EQ(only_frame(capture_in(module, address_of_somewhere())).module, module.path);
    EXPECT_FALSE(own_place(capture_in(module, address_of_somewhere())).empty());
  }
}

// What would wait for ever, or for a writer, or do something, if it were opened or read.
TEST_F(CrashEvidence_, only_regular_files_are_opened) {
  const std::filesystem::path pipe = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const std::filesystem::path link = folder_ / "link";
  std::filesystem::create_symlink(pipe, link);
  const std::filesystem::path huge = folder_ / "huge";
  std::ofstream{huge} << "\177ELF";
  std::filesystem::resize_file(huge, std::uintmax_t{5} << 30);
  const std::filesystem::path text = folder_ / "text";
  std::ofstream{text} << "no ELF file at all, but long enough to be read as if it were one, and longer";
  const std::string paths[] = {pipe.string(),
                               link.string(),
                               huge.string(),
                               text.string(),
                               folder_.string(),
                               (folder_ / "missing").string(),
                               "/dev/zero",
                               "/dev/tty",
                               "/proc/kmsg",
                               "/proc/self/mem",
                               "/sys/kernel/debug/tracing/trace_pipe",
                               "",
                               "relative",
                               std::string{"/bin/true\0x", 11},
                               std::string(5000, '/'),
                               "[stack]"};
  for (const std::string& path : paths) {
    CapturedModule module = own_module();
    module.path = path;
    module.build_id[0] ^= 1;

    EXPECT_TRUE(only_frame(capture_in(module, address_of_somewhere())).function.empty()) << path;
    EXPECT_EQ(own_place(capture_in(module, address_of_somewhere())).find("somewhere"), std::string::npos) << path;
  }
}

TEST_F(CrashEvidence_, own_file_is_looked_into_wherever_a_page_says_that_it_is) {
  CapturedModule module = own_module();
  module.path = (folder_ / "missing").string();

  EXPECT_NE(only_frame(capture_in(module, address_of_somewhere())).function.find("somewhere"), std::string::npos);
}

TEST_F(CrashEvidence_, file_without_a_build_id_must_be_the_one_that_was_mapped) {
  CapturedModule module = own_module();
  module.build_id.clear();

  EXPECT_TRUE(only_frame(capture_in(module, address_of_somewhere())).function.empty());
}

TEST_F(CrashEvidence_, modules_that_lie_inside_each_other_are_survived) {
  const CapturedModule own = own_module();
  StackCapture capture = capture_in(own, address_of_somewhere());
  for (const auto& [begin, end] : {std::pair{own.begin, own.end},
                                   {own.begin + 0x1000, own.end - 0x1000},
                                   {own.begin - 0x1000, own.begin + 0x1000},
                                   {std::uint64_t{0}, ~std::uint64_t{0}},
                                   {own.begin + 1, own.end}}) {
    CapturedModule other = own;
    other.begin = begin;
    other.end = end;
    capture.modules.push_back(other);
  }

  EXPECT_EQ(report_of(std::move(capture)).threads.at(0).frames.size(), 1U);
}

TEST_F(CrashEvidence_, image_of_a_stack_that_means_nothing_is_survived) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    StackCapture capture = capture_in(own_module(), 0);
    std::srand(seed);
    CapturedThread& thread = capture.threads.front();
    const auto random = [] {
      return static_cast<std::uint64_t>(std::rand()) << 32 | static_cast<std::uint64_t>(std::rand());
    };
    for (auto& number : thread.image.registers) number = random();
    thread.image.pc = seed % 2 == 0 ? random() : address_of_somewhere() + seed;
    thread.image.begin = seed % 3 == 0 ? thread.image.registers[7] : 0x7ff000000000;
    thread.image.registers[7] = thread.image.begin + 128;
    thread.image.memory.resize(4096 + seed);
    for (std::size_t i = 0; i + 8 <= thread.image.memory.size(); i += 8) {
      const std::uint64_t word =
          i % 16 == 0 ? address_of_somewhere() + random() % 4096 : thread.image.begin + random() % 4096;
      std::memcpy(thread.image.memory.data() + i, &word, sizeof word);
    }

    const CrashReport report = report_of(std::move(capture));

    EXPECT_GE(report.threads.at(0).frames.size(), 1U);
  }
}

}  // namespace
}  // namespace prong::os
