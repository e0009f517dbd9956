// What a program says itself (cprime/tell.h), as events.
#include "cprime/tell.h"

#include <algorithm>
#include <cstring>

#include "instrumentation/emit/tell_probes.h"
#include "runtime/channels/channel_tables.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/late_calls.h"
#include "runtime/scheduler/worker.h"

namespace cprime::detail {

static_assert(kUserCategory == wire::kCategoryUser);
static_assert(kTextBytesMost % wire::kTextPieceBytes == 0);

extern "C" const std::atomic<std::uint32_t>* const cprime_listened = &emit::g_listen.mask;

namespace {

// Where the string of that name begins, in the segment of the Runtime that lives now.
std::uint32_t string_of(TellName& name) {
    const std::uint64_t mark = g_channels.generation();
    const std::uint64_t kept = name.kept.load(std::memory_order_relaxed);
    if (kept != 0 && kept >> 32 == (mark & 0xffffffffU)) return static_cast<std::uint32_t>(kept) - 1;
    const std::uint32_t string = g_runtime->segment->intern(name.text);
    if (string != wire::kNone) name.kept.store(mark << 32 | (string + 1), std::memory_order_relaxed);
    return string;
}

// Where a text of at most `bytes` ends, so that no character of UTF-8 is cut in two.
std::size_t whole_characters(std::string_view text, std::size_t bytes) {
    if (text.size() <= bytes) return text.size();
    while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xc0U) == 0x80)
        --bytes;
    return bytes;
}

void tell_text(emit::RingWriter* ring, wire::EventType type, std::string_view text) {
    text = text.substr(0, whole_characters(text, kTextBytesMost));
    const std::uint64_t stamp = emit::stamp();
    do {
        unsigned char piece[32] = {};
        const std::size_t bytes = std::min<std::size_t>(text.size(), wire::kTextPieceBytes);
        std::memcpy(piece, text.data(), bytes);
        text.remove_prefix(bytes);
        std::uint64_t words[4] = {};
        std::memcpy(&words[0], piece, 6);
        std::memcpy(&words[1], piece + 6, 8);
        std::memcpy(&words[2], piece + 14, 6);
        std::memcpy(&words[3], piece + 20, 8);
        emit::probe::text(ring, stamp, type, static_cast<std::uint32_t>(bytes), !text.empty(), words);
    } while (!text.empty());
}

void tell_on(emit::RingWriter* ring, bool in_coroutine, const TellRequest& request) {
    switch (request.what) {
        case Telling::zone_begin:
            return emit::probe::zone(ring, wire::EventType::kZoneBegin, string_of(*request.name));
        case Telling::zone_end:
            return emit::probe::zone(ring, wire::EventType::kZoneEnd, string_of(*request.name));
        case Telling::counter:
            return emit::probe::counter(ring, string_of(*request.name), false, request.value);
        case Telling::real_counter:
            return emit::probe::counter(ring, string_of(*request.name), true, request.value);
        case Telling::message:
            return tell_text(ring, wire::EventType::kMessage, request.text);
        case Telling::note:
            return tell_text(ring, in_coroutine ? wire::EventType::kNote : wire::EventType::kMessage, request.text);
    }
}

}  // namespace

ResumePoint tell(Worker* worker, std::uint32_t /*coroutine*/, void* argument) noexcept {
    const TellRequest& request = *static_cast<const TellRequest*>(argument);
    if (worker != nullptr) {
        tell_on(worker->ring, true, request);
        return worker->current;
    }
    if (g_late_calls.enter()) tell_on(emit::thread_writer(), false, request);
    g_late_calls.leave();
    return nullptr;
}

}  // namespace cprime::detail
