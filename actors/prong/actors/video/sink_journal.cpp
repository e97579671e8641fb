#include "prong/actors/video/sink_journal.hpp"

#include "prong/message/codec.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <boost/crc.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace prong::video {
namespace {

constexpr char file_mark[8] = {'p', 'r', 'o', 'n', 'g', 'j', '0', '1'};

struct RecordHead {
  std::uint32_t size = 0;  // of what follows. Units: bytes
  std::uint32_t checksum = 0;
};

std::uint32_t checksum_of(Bytes bytes) {
  boost::crc_32_type sum;
  sum.process_bytes(bytes.data(), bytes.size());
  return sum.checksum();
}

// Reads until `bytes` is full or the file is at its end; returns how many came, or -1.
ssize_t read_at(int file, MutableBytes bytes, std::int64_t offset) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count =
        ::pread(file, bytes.data() + done, bytes.size() - done, offset + static_cast<std::int64_t>(done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return -1;
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  return static_cast<ssize_t>(done);
}

}  // namespace

Error SinkJournal::error(const char* what) const {
  return Error::from_errno(std::string{what} + " '" + path_ + "'");
}

Result<SinkJournal> SinkJournal::open(std::string path, int flags) {
  os::UniqueFd file{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | flags, 0666)};
  SinkJournal journal{std::move(path), std::move(file)};
  if (!journal.file_) return journal.error("cannot write");
  return journal;
}

Result<SinkJournal> SinkJournal::create(std::string path) {
  PRONG_TRY_ASSIGN(SinkJournal journal, open(std::move(path), O_TRUNC));
  PRONG_TRY(journal.read_all({}));
  return journal;
}

Result<SinkJournal> SinkJournal::resume(std::string path,
                                        const std::function<Result<void>(const SinkRecord&)>& replay) {
  PRONG_TRY_ASSIGN(SinkJournal journal, open(std::move(path), 0));
  PRONG_TRY(journal.read_all(replay));
  return journal;
}

Result<void> SinkJournal::read_all(const std::function<Result<void>(const SinkRecord&)>& replay) {
  struct stat status {};
  if (::fstat(file_.get(), &status) != 0) return error("cannot read");
  char mark[sizeof file_mark] = {};
  const ssize_t marked = read_at(file_.get(), std::as_writable_bytes(std::span{mark}), 0);
  if (marked < 0) return error("cannot read");
  end_ = sizeof file_mark;
  if (marked < static_cast<ssize_t>(sizeof file_mark)) {
    // Its first writer died in the middle of these bytes, or it is new.
    if (::ftruncate(file_.get(), 0) != 0 || ::pwrite(file_.get(), file_mark, sizeof file_mark, 0) != sizeof file_mark)
      return error("cannot write");
    return {};
  }
  if (std::memcmp(mark, file_mark, sizeof mark) != 0) return fail(Errc::malformed, "'" + path_ + "' is no journal");
  for (;;) {
    RecordHead head;
    if (read_at(file_.get(), std::as_writable_bytes(std::span{&head, 1}), end_) != sizeof head) break;
    const std::int64_t left = status.st_size - end_ - static_cast<std::int64_t>(sizeof head);
    if (static_cast<std::int64_t>(head.size) > left) break;
    scratch_.resize(head.size);
    if (read_at(file_.get(), scratch_, end_ + static_cast<std::int64_t>(sizeof head)) !=
        static_cast<ssize_t>(head.size))
      break;
    if (checksum_of(scratch_) != head.checksum) break;
    const auto record = decode<SinkRecord>(scratch_);
    if (!record) break;
    if (replay) PRONG_TRY(replay(*record));
    note(*record);
    end_ += static_cast<std::int64_t>(sizeof head) + head.size;
  }
  if (::ftruncate(file_.get(), end_) != 0) return error("cannot write");
  return {};
}

void SinkJournal::note(const SinkRecord& record) noexcept {
  last_frame_ = std::max(last_frame_, record.frame);
  last_found_ = std::max(last_found_, record.found);
}

Result<void> SinkJournal::append(const SinkRecord& record) {
  scratch_.resize(sizeof(RecordHead));
  encode(record, scratch_);
  const Bytes payload = Bytes{scratch_}.subspan(sizeof(RecordHead));
  const RecordHead head{.size = static_cast<std::uint32_t>(payload.size()), .checksum = checksum_of(payload)};
  std::memcpy(scratch_.data(), &head, sizeof head);
  ssize_t written = 0;
  do {
    written = ::pwrite(file_.get(), scratch_.data(), scratch_.size(), end_);
  } while (written < 0 && errno == EINTR);
  if (written != static_cast<ssize_t>(scratch_.size())) {
    if (written >= 0) errno = ENOSPC;
    const Error why = error("cannot write");
    if (::ftruncate(file_.get(), end_) != 0) return error("cannot write");
    return why;
  }
  end_ += written;
  note(record);
  return {};
}

void SinkJournal::remove() noexcept {
  ::unlink(path_.c_str());
  file_.reset();
}

}  // namespace prong::video
