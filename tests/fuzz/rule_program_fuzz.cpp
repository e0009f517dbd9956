// Messages that carry rules: whatever the bytes are, they are refused, or are a program that can be held against events.
//
// Input: 32 bytes of events to come, then the message.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "instrumentation/emit/armed_rule.h"

namespace {

using namespace coroscope;

struct Target {
    std::unique_ptr<emit::StateSegment> state = emit::StateSegment::create({.shared = false}).value();
    std::unique_ptr<emit::RuleHits> hits = emit::RuleHits::create().value();
    std::vector<wire::RuleHit> taken;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
    static Target target;
    std::uint8_t events[32] = {};
    if (bytes < sizeof events) return 0;
    std::memcpy(events, data, sizeof events);
    const auto message = std::as_bytes(std::span(data, bytes)).subspan(sizeof events);
    auto program = wire::parse_rules(message);
    if (!program || program->instructions.empty()) return 0;
    if (program->bytes() != std::vector<std::byte>(message.begin(), message.end())) std::abort();
    auto progress = std::make_shared<emit::RuleProgress>();
    if (program->needs_stamps()) progress->stamps = emit::RuleStamps::create(256).value();
    emit::ArmedRule rule(std::move(*program), 1, progress,
                         {target.state.get(), target.hits.get(), nullptr, nullptr});
    emit::Happened event;
    for (const std::uint8_t byte : events) {
        event.ticks += byte;
        event.type = static_cast<wire::EventType>(byte & 0x7f);
        event.object = byte % 7;
        event.argument = byte * 0x01010101U;
        event.current = byte % 3;
        event.worker = byte % 2;
        rule.judge(event);
    }
    target.taken.clear();
    target.hits->take(target.taken);
    return 0;
}
