#include "runtime/entry/first_viewer.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>

#include "instrumentation/base/file_descriptor.h"

namespace cprime::detail {

void FirstViewer::changed(void* self, std::uint32_t mask, std::uint32_t /*sample_period*/) {
    auto& viewer = *static_cast<FirstViewer*>(self);
    {
        const std::lock_guard guard(viewer.lock_);
        viewer.listens_ = mask != 0;
    }
    viewer.came_.notify_all();
}

bool FirstViewer::wait_ms(std::uint32_t ms) {
    std::unique_lock guard(lock_);
    return came_.wait_for(guard, std::chrono::milliseconds(ms), [this] { return listens_; });
}

bool FirstViewer::expected(std::string_view socket_name) {
    sockaddr_un address{};
    if (socket_name.empty()) return true;
    if (socket_name.size() > sizeof address.sun_path - 1) return false;
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path + 1, socket_name.data(), socket_name.size());
    const auto bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + socket_name.size());
    const coroscope::base::FileDescriptor caller(
        socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    // EAGAIN: more have called than the launcher has room for, so it is there.
    return caller && (connect(caller.get(), reinterpret_cast<const sockaddr*>(&address), bytes) == 0 ||
                      errno == EAGAIN);
}

}  // namespace cprime::detail
