#include "traces/told.h"

#include <algorithm>
#include <cstring>

namespace coroscope::traces {
namespace {

constexpr const char* kEllipsis = "\xe2\x80\xa6";
constexpr char kReplacement = '?';

Told::Kind kind_of(wire::EventType type) {
    switch (type) {
        case wire::EventType::kZoneBegin:
            return Told::Kind::kZoneBegin;
        case wire::EventType::kZoneEnd:
            return Told::Kind::kZoneEnd;
        case wire::EventType::kNote:
            return Told::Kind::kNote;
        case wire::EventType::kCounter:
            return Told::Kind::kCounter;
        default:
            return Told::Kind::kMessage;
    }
}

std::string piece_of(const wire::DecodedEvent& event) {
    char bytes[wire::kTextPieceBytes];
    std::memcpy(bytes, &event.ext48[0], 6);
    std::memcpy(bytes + 6, &event.ext64[0], 8);
    std::memcpy(bytes + 14, &event.ext48[1], 6);
    std::memcpy(bytes + 20, &event.ext64[1], 8);
    return {bytes, std::min<std::size_t>(event.argument, sizeof bytes)};
}

// How many bytes the character takes that begins here; 0 = none does.
std::size_t character_at(const std::string& text, std::size_t at) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(at);
    const std::size_t length = first < 0x80   ? 1
                               : first < 0xc2 ? 0
                               : first < 0xe0 ? 2
                               : first < 0xf0 ? 3
                               : first < 0xf5 ? 4
                                              : 0;
    if (length == 0 || at + length > text.size()) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(at + i) & 0xc0U) != 0x80) return 0;
    }
    return length;
}

Told cut_short(Told told) {
    told.text = presentable(std::move(told.text)) + kEllipsis;
    return told;
}

}  // namespace

std::string presentable(std::string text) {
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = character_at(text, at);
        const auto first = static_cast<unsigned char>(text[at]);
        if (length == 0 || first < 0x20 || first == 0x7f) text[at] = first == '\n' || first == '\t' ? ' ' : kReplacement;
        at += std::max<std::size_t>(length, 1);
    }
    return text;
}

void ToldReader::take_text(const wire::DecodedEvent& event, std::uint32_t ring, std::vector<Told>& out) {
    Told told;
    told.kind = kind_of(event.type);
    told.ticks = event.tsc;
    told.ring = ring;
    told.coroutine = event.current_known ? event.current : wire::kNone;
    const auto open = std::find_if(open_.begin(), open_.end(), [&](const Told& other) { return other.ring == ring; });
    if (open != open_.end()) {
        if (open->ticks == told.ticks && open->kind == told.kind) {
            told.text = std::move(open->text);
        } else {
            out.push_back(cut_short(std::move(*open)));
        }
        open_.erase(open);
    }
    if (told.text.size() < kTextBytesMost) told.text += piece_of(event);
    if (event.object == wire::kTextGoesOn) return open_.push_back(std::move(told));
    told.text = presentable(std::move(told.text));
    out.push_back(std::move(told));
}

void ToldReader::take(const wire::DecodedEvent& event, std::uint32_t ring, std::vector<Told>& out) {
    if (event.type == wire::EventType::kMessage || event.type == wire::EventType::kNote)
        return take_text(event, ring, out);
    Told told;
    told.kind = kind_of(event.type);
    told.ticks = event.tsc;
    told.ring = ring;
    told.coroutine = event.current_known ? event.current : wire::kNone;
    told.name = event.object;
    if (told.kind == Told::Kind::kCounter) {
        told.real = event.argument == 1;
        if (told.real) {
            std::memcpy(&told.real_value, &event.ext64[0], sizeof told.real_value);
        } else {
            told.value = static_cast<std::int64_t>(event.ext64[0]);
        }
    }
    out.push_back(std::move(told));
}

void ToldReader::finish(std::vector<Told>& out) {
    for (Told& told : open_)
        out.push_back(cut_short(std::move(told)));
    open_.clear();
}

}  // namespace coroscope::traces
