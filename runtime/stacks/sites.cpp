// The hash table of places, and the ladder of evidence.
#include "runtime/stacks/sites.h"

#include <sys/mman.h>

#include <algorithm>
#include <new>

#include "runtime/stacks/class_raising.h"

namespace cprime::detail {

using coroscope::wire::ClassEvidence;
using coroscope::wire::kNone;
using coroscope::wire::SiteRecord;
using coroscope::wire::SizeClass;

namespace {

// Zeroed memory that costs nothing until it is touched; null when there is none.
template <typename T>
T* reserve(std::size_t count) {
    void* memory = mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? nullptr : static_cast<T*>(memory);
}

}  // namespace

coroscope::base::Status Sites::start(coroscope::emit::StateSegment& segment, SizeTable table) {
    segment_ = &segment;
    table_ = std::move(table);
    records_ = segment.records<SiteRecord>(coroscope::wire::SectionKind::kSites);
    entries_ = reserve<Entry>(kEntries);
    choices_ = reserve<TableChoice>(coroscope::wire::kSitesMax);
    raised_ = reserve<std::atomic<std::uint8_t>>(coroscope::wire::kSitesMax);
    settled_ = reserve<std::atomic<std::uint32_t>>(coroscope::wire::kSitesMax);
    if (entries_ == nullptr || choices_ == nullptr || raised_ == nullptr || settled_ == nullptr) {
        return coroscope::base::error(coroscope::base::ErrorCode::kRefused,
                                      "cprime has no memory for its table of spawn sites");
    }
    return coroscope::base::ok_status();
}

Sites::~Sites() {
    if (entries_ != nullptr) munmap(entries_, kEntries * sizeof(Entry));
    if (choices_ != nullptr) munmap(choices_, coroscope::wire::kSitesMax * sizeof(TableChoice));
    if (raised_ != nullptr) munmap(raised_, coroscope::wire::kSitesMax);
    if (settled_ != nullptr) munmap(settled_, coroscope::wire::kSitesMax * sizeof(std::uint32_t));
}

std::uint32_t Sites::find(const Place& place, std::string_view name, std::uint64_t entry) {
    for (std::uint32_t at = hash(place);; at = (at + 1) % kEntries) {
        const Entry& found = entries_[at];
        const std::uint32_t site = found.site_plus_one.load(std::memory_order_acquire);  // [sites.publish]
        if (site == 0) return add(place, name, entry);
        if (found.file == place.file && found.line == place.line && found.column == place.column)
            return site - 1;
    }
}

std::uint32_t Sites::add(const Place& place, std::string_view name, std::uint64_t entry) try {
    const std::lock_guard<std::mutex> hold(lock_);
    std::uint32_t at = hash(place);
    for (; entries_[at].site_plus_one.load(std::memory_order_relaxed) != 0; at = (at + 1) % kEntries) {
        const Entry& found = entries_[at];
        if (found.file == place.file && found.line == place.line && found.column == place.column) {
            return found.site_plus_one.load(std::memory_order_relaxed) - 1;
        }
    }
    if (entries_count_ >= kEntries / 2) return kNone;
    std::string text = std::string(place.file) + ":" + std::to_string(place.line) + ":" +
                       std::to_string(place.column);
    auto known = by_text_.find(text);
    if (known == by_text_.end()) {
        const std::uint32_t site = make_record(place, name, entry);
        if (site == kNone) return kNone;
        known = by_text_.emplace(std::move(text), site).first;
    }
    entries_[at].file = place.file;
    entries_[at].line = place.line;
    entries_[at].column = place.column;
    entries_[at].site_plus_one.store(known->second + 1, std::memory_order_release);  // [sites.publish]
    ++entries_count_;
    return known->second;
} catch (const std::bad_alloc&) {
    return kNone;  // the spawn goes on without a site, or meets the want of memory itself
}

std::uint32_t Sites::make_record(const Place& place, std::string_view name, std::uint64_t entry) {
    const std::uint32_t file = segment_->intern(place.file);
    const std::uint32_t function = segment_->intern(place.function);
    const std::uint32_t name_string = segment_->intern(name);
    const std::uint32_t site = segment_->allocate_records(coroscope::wire::SectionKind::kSites, 1);
    if (site == kNone) return kNone;
    SiteRecord& record = records_[site];
    record.file = file;
    record.function = function;
    record.name = name_string;
    record.line = place.line;
    record.column = place.column;
    record.entry_address = entry;
    record.size_class.store(SizeClass::kMedium, std::memory_order_relaxed);
    record.evidence.store(ClassEvidence::kUnknown, std::memory_order_relaxed);
    if (const SizeRow* row = table_.find(std::string(place.file) + ":" + std::to_string(place.line));
        row != nullptr) {
        record.predicted_bytes = row->predicted_bytes;
        choices_[site] = {row->size_class, row->evidence};
    }
    return site;
}

namespace {

struct Choice {
    SizeClass size_class;
    ClassEvidence evidence;
};

// What the spawn itself says.
Choice choice_of(const ClassAsked& asked) {
    const auto size_class = [](std::uint8_t plus_one) { return static_cast<SizeClass>(plus_one - 1); };
    if (asked.wish != 0 && !(asked.bound && asked.declared > asked.wish))
        return {size_class(asked.wish), ClassEvidence::kWish};
    if (asked.wish == 0 && asked.hint != 0) return {size_class(asked.hint), ClassEvidence::kHint};
    if (asked.declared != 0) return {size_class(asked.declared), ClassEvidence::kDeclared};
    return {SizeClass::kMedium, ClassEvidence::kUnknown};
}

// Frames of unoptimised code are larger than what was measured or declared; who wishes for a class knows it.
SizeClass for_unoptimised(const ClassAsked& asked, const Choice& chosen) {
    if (asked.unoptimised == nullptr || chosen.evidence == ClassEvidence::kWish ||
        chosen.size_class > SizeClass::kSmall)
        return chosen.size_class;
    say_unoptimised(*asked.unoptimised);
    return static_cast<SizeClass>(static_cast<std::uint8_t>(chosen.size_class) + 1);
}

}  // namespace

SizeClass Sites::choose_class(std::uint32_t site, const ClassAsked& asked) {
    auto [chosen, evidence] = choice_of(asked);
    if (site == kNone) return for_unoptimised(asked, {chosen, evidence});
    if (settled_[site].load(std::memory_order_relaxed) != 0)
        settled_[site].store(0, std::memory_order_relaxed);
    SiteRecord& record = records_[site];
    if (asked.wish != 0 && record.wished_class.load(std::memory_order_relaxed) != asked.wish)
        record.wished_class.store(asked.wish, std::memory_order_relaxed);
    const TableChoice row = choices_[site];  // written before the site was published, constant
    if (row.evidence != ClassEvidence::kUnknown &&
        (evidence == ClassEvidence::kUnknown || row.size_class > chosen)) {
        chosen = row.size_class;
        evidence = row.evidence;
    }
    chosen = for_unoptimised(asked, {chosen, evidence});
    if (const std::uint8_t raised = raised_[site].load(std::memory_order_relaxed);
        __builtin_expect(raised != 0, 0)) {
        const std::uint8_t at_least = raised & static_cast<std::uint8_t>(~kRaisedWide);
        if (at_least > static_cast<std::uint8_t>(chosen) + 1) {
            chosen = static_cast<SizeClass>(at_least - 1);
            evidence = ClassEvidence::kGrown;
        } else if ((raised & kRaisedWide) != 0 && chosen == SizeClass::kMedium) {
            evidence = ClassEvidence::kGrown;
        }
    }
    // What viewers see is the latest choice; stored only when it differs, so that workers share the line in peace.
    if (record.size_class.load(std::memory_order_relaxed) != chosen) {
        record.size_class.store(chosen, std::memory_order_relaxed);
    }
    if (record.evidence.load(std::memory_order_relaxed) != evidence) {
        record.evidence.store(evidence, std::memory_order_relaxed);
    }
    return chosen;
}

SizeClass Sites::settle(std::uint32_t site, std::uint8_t wish) {
    if (site == kNone) return choose_class(site, ClassAsked{.wish = wish});
    const std::uint8_t raised = raised_[site].load(std::memory_order_relaxed);
    const SizeClass chosen = choose_class(site, ClassAsked{.wish = wish});
    settled_[site].store(settled_key(wish, raised) << 8 | static_cast<std::uint8_t>(chosen),
                         std::memory_order_relaxed);
    return chosen;
}

void Sites::raise(std::uint32_t site, SizeClass at_least) {
    if (site == kNone) return;
    const auto wanted = static_cast<std::uint8_t>(static_cast<std::uint8_t>(at_least) + 1);
    std::uint8_t known = raised_[site].load(std::memory_order_relaxed);
    while ((known & ~kRaisedWide) < wanted &&
           !raised_[site].compare_exchange_weak(
               known, static_cast<std::uint8_t>((known & kRaisedWide) | wanted), std::memory_order_relaxed)) {
    }
}

void Sites::grew(std::uint32_t site, bool outgrew) {
    if (site == kNone) return;
    raised_[site].fetch_or(kRaisedWide, std::memory_order_relaxed);
    if (outgrew) raise(site, SizeClass::kLarge);
}

std::uint32_t Sites::name_of(std::uint32_t site, std::string_view name) {
    if (name.empty()) return kNone;
    if (site != kNone && segment_->string(records_[site].name) == name) return kNone;
    return segment_->intern(name);
}

std::string Sites::text(std::uint32_t site) const {
    if (site == kNone) return "an unknown site";
    return std::string(segment_->string(records_[site].file)) + ":" + std::to_string(records_[site].line);
}

}  // namespace cprime::detail
