// See event_rows.h.
#include "traces/rules/event_rows.h"

#include <fmt/format.h>

#include <algorithm>

#include "instrumentation/base/signal_name.h"
#include "traces/signal_words.h"
#include "traces/told.h"

namespace coroscope::rules {
namespace {

using wire::EventType;

// What the program said: the name of a zone, a counter and its value, a text (or the piece of one that this event carries).
std::string said_in(const wire::DecodedEvent& event, const Names& names) {
    traces::ToldReader reader;
    std::vector<traces::Told> told;
    reader.take(event, 0, told);
    reader.finish(told);
    const traces::Told& one = told.front();
    std::string_view name;
    if (one.kind == traces::Told::Kind::kMessage || one.kind == traces::Told::Kind::kNote) return one.text;
    const std::string said(names.text(one.name, &name) ? name : "?");
    if (one.kind != traces::Told::Kind::kCounter) return said;
    return one.real ? fmt::format("{} = {}", said, one.real_value) : fmt::format("{} = {}", said, one.value);
}

std::string detail_of(const wire::DecodedEvent& event, const Names& names, const base::ClockCalibration& clock) {
    if (traces::ToldReader::concerns(event.type)) return said_in(event, names);
    if (traces::is_of_signals(event.type)) return traces::signal_detail(event, clock);
    const std::uint8_t code = wire::high8(event.argument);
    switch (event.type) {
        case EventType::kSuspend:
            return std::string(word_of(WordSet::kWaits, code));
        case EventType::kWake:
            return std::string(word_of(WordSet::kCauses, code));
        case EventType::kExit:
            return std::string(word_of(WordSet::kStatuses, code));
        default:
            return {};
    }
}

}  // namespace

ObjectNames::ObjectNames(const inspect::StateImage& keyframe, const Names& names) : names_(names), clock_(keyframe.clock) {
    renew(keyframe);
}

void ObjectNames::renew(const inspect::StateImage& keyframe) {
    // Identities grow: what was made since the keyframe is not replaced by who had its place before.
    for (const inspect::ChannelImage& row : keyframe.channels) {
        if (row.identity > channels_[row.index].identity) channels_[row.index] = {row.identity, row.name};
    }
    for (const inspect::WaitableImage& row : keyframe.waitables) {
        if (row.identity > locks_[row.index].identity) locks_[row.index] = {row.identity, row.name, row.kind};
    }
    for (const inspect::SignalImage& row : keyframe.signals)
        signal_names_[row.index] = row.name;
}

void ObjectNames::learn(const wire::DecodedEvent& event) {
    if (event.type == EventType::kChannelCreate)
        channels_[event.object] = {event.ext48[0], static_cast<std::uint32_t>(event.ext64[0])};
    if (event.type == EventType::kWaitableCreate)
        locks_[event.object] = {
            event.ext48[0], static_cast<std::uint32_t>(event.ext64[0]),
            static_cast<wire::WaitableKind>(std::min(event.argument, wire::kWaitableKindsCount - 1U))};
}

std::string ObjectNames::of(const wire::DecodedEvent& event) const {
    if (event.type >= EventType::kChannelCreate && event.type <= EventType::kSelectArm)
        return channel(event.object);
    if (event.type >= EventType::kLockAcquire && event.type <= EventType::kWaitableDestroy)
        return lock(event.object);
    if (traces::is_of_signals(event.type)) return signal(event.object);
    if (event.type != EventType::kSuspend) return {};
    const auto reason = static_cast<wire::WaitReason>(wire::high8(event.argument));
    if (reason == wire::WaitReason::kChannelSend || reason == wire::WaitReason::kChannelReceive)
        return channel(event.object);
    return wire::waits_for_waitable(reason) ? lock(event.object) : std::string();
}

std::string ObjectNames::named(const char* kind, const Known* known) const {
    if (known == nullptr || known->identity == 0) return {};
    std::string_view name;
    if (names_.text(known->name, &name) && !name.empty()) return fmt::format("{}:{}", kind, name);
    return fmt::format("{}:#{}", kind, known->identity);
}

std::string ObjectNames::lock(std::uint32_t index) const {
    const Known* known = locks_.find(index);
    return known == nullptr ? std::string() : named(inspect::waitable_kind_name(known->kind), known);
}

std::string ObjectNames::signal(std::uint32_t index) const {
    std::string_view name;
    const auto known = signal_names_.find(index);
    if (known != signal_names_.end() && names_.text(known->second, &name) && !name.empty()) return fmt::format("signal:{}", name);
    return index < wire::kSignalsMax ? "signal:" + base::signal_name(static_cast<int>(index)) : fmt::format("signal:#{}", index);
}

EventRow row_of(const EventFacts& facts, const Names& names, const ObjectNames& objects) {
    EventRow row;
    std::string_view text;
    row.t = static_cast<traces::TimeNs>(facts.time_ns);
    row.type = facts.event->type;
    row.worker = facts.worker;
    row.id = facts.identity;
    if (facts.identity != 0 && names.coroutine(facts.name, facts.site, &text)) row.name = text;
    if (facts.identity != 0 && names.site(facts.site, &text)) row.site = text;
    row.object = objects.of(*facts.event);
    row.detail = detail_of(*facts.event, names, objects.clock());
    row.blocked = facts.blocked;
    row.ready = facts.ready;
    row.run = facts.run;
    return row;
}

std::string sentence_of(const EventRow& row) {
    std::string text = wire::event_name(row.type);
    if (row.id != 0) text += fmt::format(" of {}{}", row.id, row.name.empty() ? "" : " " + row.name);
    if (row.type == EventType::kWake) {
        text += row.detail.empty() ? "" : " by " + row.detail;
    } else if (traces::ToldReader::concerns(row.type)) {
        text += ": " + row.detail;
    } else {
        text += row.detail.empty() ? "" : ", " + row.detail;
    }
    if (!row.object.empty()) text += " on " + row.object;
    if (row.worker != wire::kNone && (row.id == 0 || row.type == EventType::kResume))
        text += fmt::format(" on worker {}", row.worker);
    return text;
}

}  // namespace coroscope::rules
