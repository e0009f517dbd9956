// The proof of stack bounds over a binary that may be anything: it is refused in one sentence, or each of its functions is proven or has reasons.
//
// Input: a file that begins like an ELF file, byte for byte; or else changes to the library made of bounds_sample.cpp, six bytes each: offset
// (four, modulo its size), new value, and how many bytes get it (modulo 9). Bit 0 of the last byte of all: exceptions are taken not to be.
#include <cstring>
#include <fstream>
#include <iterator>

#include "hostile_elf.h"
#include "instrumentation/bounds/runtime_calls.h"
#include "instrumentation/bounds/spawn_sites.h"

using namespace coroscope;

namespace {

using Bytes = std::vector<std::uint8_t>;

const Bytes& sample() {
    static const Bytes bytes = [] {
        std::ifstream file(BOUNDS_FUZZ_SAMPLE, std::ios::binary);
        const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
        if (text.empty()) std::abort();
        return Bytes(text.begin(), text.end());
    }();
    return bytes;
}

Bytes damaged(const std::uint8_t* changes, std::size_t count) {
    constexpr std::size_t kChangeBytes = 6;
    Bytes bytes = sample();
    for (; count >= kChangeBytes; changes += kChangeBytes, count -= kChangeBytes) {
        std::uint32_t offset = 0;
        std::memcpy(&offset, changes, sizeof offset);
        offset %= static_cast<std::uint32_t>(bytes.size());
        const std::size_t length = std::min<std::size_t>(changes[5] % 9, bytes.size() - offset);
        std::memset(bytes.data() + offset, changes[4], length);
    }
    return bytes;
}

void ask(bounds::Program& program, bounds::NodeId node) {
    const bounds::Bound& bound = program.bound(node);
    const auto findings = program.findings(node);
    if (bound.proven != findings.empty()) std::abort();
    for (const bounds::Finding& finding : findings) {
        if (finding.path.empty() || finding.path.front() != node) std::abort();
        if (bounds::Program::sentence(finding.reason, finding.reason.callee).empty()) std::abort();
    }
    bool complete = false;
    static_cast<void>(bounds::channel_pattern(program.runtime_calls_under(node, &complete)));
    if (!bound.proven) return;
    if (program.deepest_path(node).size() != bound.calls_deep + 1U) std::abort();
    if (program.assumptions_under(node).empty()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
    const bool whole = bytes >= 4 && std::memcmp(data,
                                                 "\x7f"
                                                 "ELF",
                                                 4) == 0;
    const Bytes file = whole ? Bytes(data, data + bytes) : damaged(data, bytes);
    const fuzzing::HostileFile hostile(file.data(), file.size());
    const bool no_throw = bytes != 0 && (data[bytes - 1] & 1) != 0;
    auto opened = bounds::Program::open(hostile.path(), {.libraries = false, .no_throw = no_throw});
    if (!opened) {
        if (opened.error().message.empty() || opened.error().message.find('\n') != std::string::npos)
            std::abort();
        return 0;
    }
    bounds::Program& program = **opened;
    constexpr bounds::NodeId kFunctionsMost = 300;  // what asks of all of them is square in their number
    for (bounds::NodeId node = 0; node < program.functions_count() && node < kFunctionsMost; ++node)
        ask(program, node);
    for (const bounds::SpawnSite& site : bounds::spawn_sites(program)) {
        if (site.entry >= program.functions_count()) std::abort();
        static_cast<void>(bounds::stack_bytes(program, site));
    }
    return 0;
}
