// What the tests of select share: a runtime per test whose wait lists and arms must be empty when it ends, and a look at its records.
#pragma once

#include "channel_fixture.h"
#include "instrumentation/wire/segment.h"
#include "instrumentation/wire/select_arm.h"
#include "runtime/channels/arms.h"
#include "runtime/channels/channel_tables.h"
#include "runtime/switch/sanitizer.h"

namespace cprime::test {

inline std::uint32_t records_used(coroscope::wire::SectionKind kind) {
    const auto section = static_cast<std::uint32_t>(kind);
    return detail::g_runtime->segment->header().sections[section].records_used.load();
}

// Nobody stands in the wait list of any channel.
inline void expect_empty_wait_lists() {
    for (std::uint32_t i = 0; i < detail::g_channels.channels_count(); ++i) {
        const auto& channel = detail::g_channels.channel(i);
        for (const auto* end :
             {&channel.first_sender, &channel.last_sender, &channel.first_receiver, &channel.last_receiver}) {
            EXPECT_EQ(end->load(), coroscope::wire::kNone) << "somebody waits on channel " << i;
        }
        EXPECT_EQ(channel.senders_waiting.load() + channel.receivers_waiting.load(), 0U) << "channel " << i;
    }
}
// Every arm that was ever taken can be taken again.
inline void expect_all_arms_given_back() {
    const std::uint32_t known = records_used(coroscope::wire::SectionKind::kSelectArms);
    if (known == 0) return;
    const std::uint32_t all = detail::g_arms.take(known);
    ASSERT_NE(all, coroscope::wire::kNone);
    detail::g_arms.give(all);
    EXPECT_EQ(records_used(coroscope::wire::SectionKind::kSelectArms), known) << "arms were lost";
}

// Counts of the only select in the source that has run in this runtime.
inline const coroscope::wire::SelectRecord& only_select() {
    EXPECT_EQ(records_used(coroscope::wire::SectionKind::kSelects), 1U);
    return detail::g_runtime->segment->records<coroscope::wire::SelectRecord>(
        coroscope::wire::SectionKind::kSelects)[0];
}

class Selects : public OnWorkers {
protected:
    // Runs function() as the first coroutine; afterwards nobody waits anywhere.
    template <typename F>
    void run(F&& function) {
        runtime_.run(std::forward<F>(function));
        expect_empty_wait_lists();
        expect_all_arms_given_back();
    }
};

// Waits until somebody is parked on either side of the channel (threads are not counted).
template <typename Handle>
void until_received_from(const Handle& handle, std::uint32_t waiting = 1) {
    yield_until([&] { return handle.statistics().receivers_waiting == waiting; });
}
template <typename Handle>
void until_sent_to(const Handle& handle, std::uint32_t waiting = 1) {
    yield_until([&] { return handle.statistics().senders_waiting == waiting; });
}

}  // namespace cprime::test
