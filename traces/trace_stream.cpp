// See trace_stream.h.
#include "traces/trace_stream.h"

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "traces/trace_medium.h"

namespace coroscope::traces {
namespace {

constexpr std::size_t kPieceBytes = 256U << 10;
constexpr auto kCancelInterval = std::chrono::milliseconds(100);

base::FileDescriptor nameless_file() {
    const char* wished = std::getenv("TMPDIR");
    for (const char* folder : {wished, "/tmp"}) {
        if (folder == nullptr || *folder == '\0') continue;
        base::FileDescriptor file(::open(folder, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600));
        if (file.valid()) return file;
    }
    return base::FileDescriptor(::memfd_create("coroscope-stream", MFD_CLOEXEC));
}

bool append_all(int file, std::uint64_t offset, const char* data, std::size_t bytes) {
    while (bytes != 0) {
        const ssize_t written = ::pwrite(file, data, bytes, static_cast<off_t>(offset));
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        data += written;
        bytes -= static_cast<std::size_t>(written);
        offset += static_cast<std::uint64_t>(written);
    }
    return true;
}

bool looks_like_trace(const TraceBytes& bytes) {
    std::uint8_t magic[sizeof kTraceMagic];
    return bytes.read_at(0, magic, sizeof magic) && std::memcmp(magic, kTraceMagic, sizeof magic) == 0;
}

}  // namespace

// What had come when it was made.
class TraceStream::Bytes final : public TraceBytes {
public:
    Bytes(std::shared_ptr<TraceStream> stream, std::uint64_t bytes)
        : stream_(std::move(stream)), file_(TraceFile::of(stream_->file_, bytes)) {}

    bool read_at(std::uint64_t offset, void* to, std::size_t bytes) const override {
        return file_->read_at(offset, to, bytes);
    }
    std::uint64_t bytes() const override { return file_->bytes(); }
    std::shared_ptr<const TraceBytes> newer() const override {
        std::shared_ptr<const TraceBytes> newest = stream_->bytes();
        return newest->bytes() > bytes() ? newest : nullptr;
    }
    bool being_written() const override {
        const std::lock_guard lock(stream_->lock_);
        return !stream_->ended_;
    }

private:
    const std::shared_ptr<TraceStream> stream_;
    const std::shared_ptr<const TraceFile> file_;
};

base::Result<std::shared_ptr<TraceStream>> TraceStream::start(base::FileDescriptor from, std::string name) {
    auto file = std::make_shared<const base::FileDescriptor>(nameless_file());
    base::FileDescriptor wake(::eventfd(0, EFD_CLOEXEC));
    if (!file->valid() || !wake.valid()) {
        return base::error(base::ErrorCode::kIo, std::string("no temporary file can be made for the trace that comes: ") +
                                                     std::strerror(errno) + "; set TMPDIR to a folder with room");
    }
    std::shared_ptr<TraceStream> stream(
        new TraceStream(std::move(from), std::move(file), std::move(wake), std::move(name)));
    stream->thread_ = std::thread([raw = stream.get()] { raw->loop(); });
    return stream;
}

TraceStream::~TraceStream() {
    const std::uint64_t one = 1;
    static_cast<void>(::write(wake_.get(), &one, sizeof one));  // an eventfd takes it
    thread_.join();
}

void TraceStream::loop() {
    std::string piece(kPieceBytes, '\0');
    std::uint64_t kept = 0;
    std::string error;
    for (;;) {
        pollfd waiting[2] = {{from_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
        if (::poll(waiting, 2, -1) < 0 && errno != EINTR) break;
        if (waiting[1].revents != 0) break;
        if (waiting[0].revents == 0) continue;
        const ssize_t got = ::read(from_.get(), piece.data(), piece.size());
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (got < 0) error = name_ + " cannot be read any further: " + std::strerror(errno);
        if (got <= 0) break;
        if (!append_all(file_->get(), kept, piece.data(), static_cast<std::size_t>(got))) {
            error = std::string("what comes cannot be kept any further: ") + std::strerror(errno) +
                    "; set TMPDIR to a folder with more room";
            break;
        }
        kept += static_cast<std::uint64_t>(got);
        const std::lock_guard lock(lock_);
        kept_bytes_ = kept;
        came_.notify_all();
    }
    const std::lock_guard lock(lock_);
    ended_ = true;
    error_ = std::move(error);
    came_.notify_all();
}

std::shared_ptr<const TraceBytes> TraceStream::bytes() {
    std::uint64_t kept = 0;
    {
        const std::lock_guard lock(lock_);
        kept = kept_bytes_;
    }
    return std::make_shared<Bytes>(shared_from_this(), kept);
}

std::string TraceStream::error() const {
    const std::lock_guard lock(lock_);
    return error_;
}

base::Result<std::shared_ptr<const TraceReader>> TraceStream::wait_for_look(const std::function<bool()>& cancelled) {
    std::uint64_t seen = 0;
    for (;;) {
        bool ended = false;
        {
            std::unique_lock lock(lock_);
            came_.wait_for(lock, kCancelInterval, [&] { return ended_ || kept_bytes_ > seen; });
            if (!ended_ && kept_bytes_ == seen) {
                lock.unlock();
                if (cancelled()) return base::error(base::ErrorCode::kGone, "nobody waits for " + name_ + " any more");
                continue;
            }
            seen = kept_bytes_;
            ended = ended_;
        }
        auto opened = ended ? TraceReader::open(bytes(), name_) : TraceReader::open_growing(bytes(), name_);
        if (opened.ok()) return std::shared_ptr<const TraceReader>(std::move(*opened));
        // Of what is no trace at all the first bytes say so.
        const bool hopeless = opened.error().code == base::ErrorCode::kVersion ||
                              (seen >= sizeof(FileHeader) && !looks_like_trace(*bytes()));
        if (ended || hopeless) return opened.error();
    }
}

base::Result<std::unique_ptr<TraceReader>> TraceStream::wait_for_end() {
    {
        std::unique_lock lock(lock_);
        came_.wait(lock, [&] { return ended_; });
    }
    return TraceReader::open(bytes(), name_);
}

}  // namespace coroscope::traces
