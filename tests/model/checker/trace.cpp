#include "trace.h"

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>

namespace model {
namespace {

const char* name(std::memory_order order) {
    switch (order) {
        case std::memory_order_relaxed:
            return "relaxed";
        case std::memory_order_consume:
            return "consume";
        case std::memory_order_acquire:
            return "acquire";
        case std::memory_order_release:
            return "release";
        case std::memory_order_acq_rel:
            return "acq_rel";
        case std::memory_order_seq_cst:
            return "seq_cst";
    }
    return "?";
}

std::string number(const Operation& operation, std::uint64_t value) {
    if (operation.bytes == 8 && static_cast<std::int64_t>(value) < 0)
        return std::to_string(static_cast<std::int64_t>(value));
    char text[24];
    std::snprintf(text, sizeof text, value > 0xffff ? "0x%" PRIx64 : "%" PRIu64, value);
    return text;
}

std::string action(const Step& step) {
    const Operation& operation = step.operation;
    const std::string word = "a" + std::to_string(operation.location);
    const std::string read = number(operation, operation.result) +
                             (step.age != 0 ? " (stale by " + std::to_string(step.age) + ")" : "");
    const std::string value = number(operation, operation.value);
    static constexpr const char* kChanges[] = {"", "+", "-", "&", "|", "^"};
    switch (operation.kind) {
        case Kind::kLoad:
            return "load " + word + " = " + read + " " + name(operation.order);
        case Kind::kStore:
            return "store " + word + " := " + value + " " + name(operation.order);
        case Kind::kExchange:
            return "change " + word + " from " + read +
                   " := " + kChanges[static_cast<int>(operation.change)] + value + " " + name(operation.order);
        case Kind::kCompareExchange:
            if (operation.success)
                return "exchange " + word + " from " + read + " := " + value + " " + name(operation.order);
            return "exchange " + word + " fails: " + read + " is not " +
                   number(operation, operation.expected) + " " + name(operation.failure_order);
        case Kind::kFence:
            return std::string("fence ") + name(operation.order);
        case Kind::kHeavyFence:
            return "heavy fence";
        case Kind::kPause:
            return "pause";
        case Kind::kFutexWait:
            return "futex wait " + word + " = " + read + (operation.success ? ": sleeps" : ": goes on");
        case Kind::kFutexWake:
            return "futex wake " + word + ", at most " + value;
        case Kind::kWoken:
            return "woken from " + word;
    }
    return "?";
}

// Line `number` of a file, without the blanks at its beginning; "" where it cannot be read.
std::string source_line(const std::string& file, std::uint_least32_t number) {
    static std::map<std::string, std::vector<std::string>> files;
    auto [found, is_new] = files.try_emplace(file);
    if (is_new) {
        std::ifstream stream(file);
        const char* const source = std::getenv("COROSCOPE_SOURCE");
        if (!stream && source != nullptr) stream.open(std::string(source) + "/" + file);
        for (std::string line; std::getline(stream, line);)
            found->second.push_back(line);
    }
    if (number == 0 || number > found->second.size()) return "";
    const std::string& line = found->second[number - 1];
    const std::size_t begin = line.find_first_not_of(' ');
    return begin == std::string::npos ? "" : line.substr(begin);
}

}  // namespace

std::string place(const std::source_location& where) {
    return std::string(where.file_name()) + ":" + std::to_string(where.line());
}

std::string describe(const std::vector<Step>& steps) {
    std::string text;
    for (const Step& step : steps) {
        const std::source_location& where = step.operation.where;
        std::string line = (step.thread == 0 ? "set-up " : "thread " + std::to_string(step.thread)) + "  " +
                           action(step);
        line.resize(line.size() < 50 ? 50 : line.size(), ' ');
        const std::string file = where.file_name();
        line += "  " + file.substr(file.rfind('/') + 1) + ":" + std::to_string(where.line());
        line.resize(line.size() < 75 ? 75 : line.size(), ' ');
        text += line + "  " + source_line(file, where.line()) + "\n";
    }
    return text;
}

}  // namespace model
