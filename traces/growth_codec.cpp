// See growth_codec.h.
#include "traces/growth_codec.h"

#include <algorithm>

namespace coroscope::traces {
namespace {

using inspect::SiteMigrationsImage;
using inspect::StateImage;

constexpr std::uint8_t kGrowthVersion = 1;  // more columns may follow those known

template <typename Enum>
Enum get_enum(ByteReader& in, Enum last) {
    const auto value = in.get<std::uint8_t>();
    if (value > static_cast<std::uint8_t>(last)) in.fail();
    return static_cast<Enum>(std::min(value, static_cast<std::uint8_t>(last)));
}
std::uint32_t get_count32(ByteReader& in, std::uint64_t last) {
    const std::uint64_t value = in.get_varint();
    if (value > last) in.fail();
    return static_cast<std::uint32_t>(std::min(value, last));
}

void put_migrations(ByteWriter& out, const std::vector<SiteMigrationsImage>& rows) {
    out.put_varint(rows.size());
    for (const SiteMigrationsImage& row : rows) {
        out.put(row.site);
        out.put_varint(row.in_place);
        out.put_varint(row.segments);
        out.put_varint(row.wishes);
        out.put(row.last_ticks);
        out.put(row.last_address);
        out.put_varint(row.last_bytes);
        out.put_varint(row.last_cost_ticks);
        out.put(static_cast<std::uint8_t>(row.last_form));
        out.put(static_cast<std::uint8_t>(row.last_from));
        out.put(static_cast<std::uint8_t>(row.last_to));
    }
}

void get_migrations(ByteReader& in, std::vector<SiteMigrationsImage>& rows) {
    rows.resize(in.get_count(28));
    for (SiteMigrationsImage& row : rows) {
        row.site = in.get<std::uint32_t>();
        row.in_place = in.get_varint();
        row.segments = in.get_varint();
        row.wishes = in.get_varint();
        row.last_ticks = in.get<std::uint64_t>();
        row.last_address = in.get<std::uint64_t>();
        row.last_bytes = get_count32(in, wire::kNone);
        row.last_cost_ticks = get_count32(in, wire::kNone);
        row.last_form = get_enum(in, wire::MigrationForm::kSiteRaised);
        row.last_from = get_enum(in, wire::SizeClass::kLarge);
        row.last_to = get_enum(in, wire::SizeClass::kLarge);
    }
    const auto not_before = [](const auto& a, const auto& b) { return a.site >= b.site; };
    if (std::adjacent_find(rows.begin(), rows.end(), not_before) != rows.end()) in.fail();
}

}  // namespace

void put_stack_segments(ByteWriter& out, const std::vector<inspect::StackSegmentImage>& segments) {
    out.put_varint(segments.size());
    for (const inspect::StackSegmentImage& segment : segments) {
        out.put_varint(segment.coroutine);
        out.put_varint(segment.slot);
        out.put(segment.pool);
    }
}

void get_stack_segments(ByteReader& in, std::vector<inspect::StackSegmentImage>& segments) {
    if (in.remaining() == 0) return;
    segments.resize(in.get_count(3));
    for (inspect::StackSegmentImage& segment : segments) {
        segment.coroutine = get_count32(in, ~std::uint32_t{0});
        segment.slot = get_count32(in, ~std::uint32_t{0});
        segment.pool = in.get<std::uint8_t>();
    }
}

bool has_growth(const StateImage& image) {
    const auto pool_says = [](const inspect::PoolImage& pool) {
        return pool.guards_known || pool.trimmed_bytes != 0 ||
               std::any_of(pool.slabs.begin(), pool.slabs.end(),
                           [](const inspect::SlabImage& slab) { return slab.slots != wire::kSlotsPerSlab; });
    };
    return !image.migrations.empty() || std::any_of(image.pools.begin(), image.pools.end(), pool_says) ||
           std::any_of(image.sites.begin(), image.sites.end(),
                       [](const inspect::SiteImage& site) { return site.high_water_bytes != 0; });
}

void put_growth(ByteWriter& out, const StateImage& image) {
    out.put(kGrowthVersion);
    for (const inspect::PoolImage& pool : image.pools) {
        out.put_varint(pool.trimmed_bytes);
        for (const inspect::SlabImage& slab : pool.slabs) {
            out.put_varint(slab.slots);
            out.put_varint(slab.guarded_slots);
            out.put(static_cast<std::uint8_t>(slab.guards));
        }
    }
    for (const inspect::SiteImage& site : image.sites)
        out.put_varint(site.high_water_bytes);
    put_migrations(out, image.migrations);
}

void get_growth(ByteReader& in, StateImage& image) {
    if (in.remaining() == 0) return;
    if (in.get<std::uint8_t>() == 0) in.fail();
    for (inspect::PoolImage& pool : image.pools) {
        pool.trimmed_bytes = in.get_varint();
        pool.guards_known = true;
        for (inspect::SlabImage& slab : pool.slabs) {
            slab.set_slots(get_count32(in, wire::kSlotsPerSlab));
            slab.guarded_slots = get_count32(in, wire::kSlotsPerSlab);
            slab.guards = get_enum(in, wire::SlabGuards::kProtected);
            if (!in.ok()) return;
        }
    }
    for (inspect::SiteImage& site : image.sites)
        site.high_water_bytes = get_count32(in, wire::kNone);
    if (in.ok()) get_migrations(in, image.migrations);
}

}  // namespace coroscope::traces
