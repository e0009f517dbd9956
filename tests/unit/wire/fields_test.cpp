// The table of replayed, sampled and live fields names events that exist.
#include "instrumentation/wire/fields.h"

#include <gtest/gtest.h>

#include <set>
#include <sstream>
#include <string>

#include "instrumentation/wire/event.h"

namespace coroscope::wire {
namespace {

TEST(fields, replayed_fields_name_known_events_and_only_they_do) {
    std::set<std::string> known;
    for (std::uint32_t number = 0; number < kEventTypesMax; ++number) {
        if (slots_of(static_cast<EventType>(number), 0) != 0)
            known.insert(event_name(static_cast<EventType>(number)));
    }
    std::set<std::string> rows;
    for (const FieldRow& row : kFields) {
        const std::string name = std::string(row.record) + "." + row.field;
        EXPECT_TRUE(rows.insert(name).second) << name << " twice";
        std::istringstream events(row.events);
        std::string event;
        int count = 0;
        for (; events >> event; ++count)
            EXPECT_TRUE(known.contains(event)) << name << " names " << event;
        EXPECT_EQ(count > 0, row.source == FieldSource::kReplayed) << name;
    }
}

}  // namespace
}  // namespace coroscope::wire
