// What waits for what, written down by the demo from its own knowledge, as `coroscope waits --json` shows it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace demo {

class Edges {
public:
    void receives(std::uint64_t coroutine, const std::string& channel) {
        add(coroutine, "\"channel:" + channel + '"', "receive");
    }
    void sends(std::uint64_t coroutine, const std::string& channel) {
        add(coroutine, "\"channel:" + channel + '"', "send");
    }
    void selects_to_receive(std::uint64_t coroutine, const std::string& channel) {
        add(coroutine, "\"channel:" + channel + '"', "select-receive");
    }
    void locks(std::uint64_t coroutine, const std::string& mutex) {
        add(coroutine, "\"mutex:" + mutex + '"', "lock");
    }
    void acquires(std::uint64_t coroutine, const std::string& semaphore) {
        add(coroutine, "\"semaphore:" + semaphore + '"', "acquire");
    }
    void joins(std::uint64_t coroutine, std::uint64_t other) {
        add(coroutine, std::to_string(other), "join");
    }
    void sleeps(std::uint64_t coroutine) { add(coroutine, "\"timer\"", "sleep"); }

    // {"at_ms": …, "edges": [{"from", "to", "kind"}]}: true `at_ms` after the start of the program. False, with a sentence on
    // stderr, when the file cannot be written.
    bool write(const std::string& path, std::int64_t at_ms) const;

private:
    struct Edge {
        std::uint64_t from;
        std::string to;  // JSON
        const char* kind;
    };
    void add(std::uint64_t from, std::string to, const char* kind) {
        edges_.push_back({from, std::move(to), kind});
    }

    std::vector<Edge> edges_;
};

}  // namespace demo
