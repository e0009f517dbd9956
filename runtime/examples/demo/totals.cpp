#include "totals.h"

#include <sstream>

namespace demo {

Tally& Totals::channel(const std::string& name) {
    const std::lock_guard<std::mutex> hold(lock_);
    return channels_[name];
}

void Totals::count_signal(const std::string& name) {
    const std::lock_guard<std::mutex> hold(lock_);
    ++signals_[name];
}

std::string Totals::json(std::uint64_t peak_rss_kib, std::uint64_t stack_rss_kib,
                         std::uint64_t stack_bytes) const {
    const std::lock_guard<std::mutex> hold(lock_);
    std::ostringstream out;
    out << R"({"spawned": )" << spawned << R"(, "exited": )" << exited << R"(, "channels": {)";
    const char* separator = "";
    for (const auto& [name, tally] : channels_) {
        out << separator << '"' << name << R"(": {"sent": )" << tally.sent << R"(, "received": )"
            << tally.received << '}';
        separator = ", ";
    }
    out << R"(}, "signals": {)";
    separator = "";
    for (const auto& [name, count] : signals_) {
        out << separator << '"' << name << R"(": )" << count;
        separator = ", ";
    }
    out << R"(}, "peak_rss_kib": )" << peak_rss_kib << R"(, "stack_rss_kib": )" << stack_rss_kib
        << R"(, "stack_bytes": )" << stack_bytes << '}';
    return out.str();
}

}  // namespace demo
