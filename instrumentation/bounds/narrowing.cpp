// Looking back from a call: where its pointer comes from, and what debug information says of it.
#include "instrumentation/bounds/narrowing.h"

#include <algorithm>
#include <charconv>

namespace coroscope::bounds {
namespace {

using inspect::Flow;
using Slot = Binary::Slot;

constexpr int kStepsBackMax = 256;
constexpr int kDepthMax = 8;
constexpr std::size_t kTargetsMax = 256;
constexpr std::uint64_t kTableBytesMax = 1U << 16;
constexpr std::uint8_t kRax = 0;
constexpr std::uint64_t kWordBytes = 8;

bool writes(const Step& step, std::uint8_t number) {
    return (step.to == number && step.effect != Effect::kCompare) || (step.clobbers & (1U << number)) != 0;
}
bool is_address(const Step& step, std::uint8_t number) {
    return step.slot != 0 && step.memory_bytes == 0 && step.base == kNoRegister &&
           step.index == kNoRegister && step.effect == Effect::kOther && step.clobbers == 1U << number;
}
// Of one address or import once.
void add_target(std::vector<Classes::Entry>& targets, const Classes::Entry& one) {
    const bool known = std::any_of(targets.begin(), targets.end(), [&one](const Classes::Entry& other) {
        return other.binary == one.binary && other.slot.kind == one.slot.kind &&
               other.slot.address == one.slot.address && other.slot.import == one.slot.import;
    });
    if (!known) targets.push_back(one);
}
std::string functions_text(std::size_t count) {
    return count == 1 ? "the only function" : "the " + std::to_string(count) + " functions";
}
std::string offset_text(std::int64_t offset) {
    char digits[16];
    return "0x" + std::string(digits, std::to_chars(std::begin(digits), std::end(digits), offset, 16).ptr);
}

}  // namespace

Narrower::Narrower(std::vector<Binary*> binaries, bool open_world)
    : binaries_(std::move(binaries)), open_world_(open_world), types_(binaries_.size()) {}

DebugTypes& Narrower::types_of(std::uint32_t binary) {
    if (types_[binary] == nullptr) types_[binary] = std::make_unique<DebugTypes>(*binaries_[binary]);
    return *types_[binary];
}

// The step that gave a register what it holds when the one at `before` begins.
std::optional<std::size_t> Narrower::writer(const Site& site, std::size_t before, std::uint8_t number) const {
    std::size_t at = before;
    for (int count = 0; count < kStepsBackMax; ++count) {
        const auto step = site.code.before(at);
        if (!step) return std::nullopt;
        at = *step;
        const Step& one = site.code.steps[at];
        const bool lost = one.flow == Flow::kCall && (kScratchRegisters & (1U << number)) != 0;
        if (lost || writes(one, number)) return at;
    }
    return std::nullopt;
}

// The word that a register was loaded from, over moves and sums: its pointer is a word further on then.
std::optional<Narrower::Word> Narrower::loaded_from(const Site& site, std::size_t before,
                                                    std::uint8_t number) const {
    std::size_t at = before;
    for (int depth = 0; depth < kDepthMax; ++depth) {
        const auto step = writer(site, at, number);
        if (!step) return std::nullopt;
        const Step& one = site.code.steps[*step];
        if (one.effect == Effect::kLoad) return Word{*step, one.displacement};
        if (one.effect != Effect::kSum || one.amount != 0 || one.from == kNoRegister) return std::nullopt;
        at = *step;
        number = one.from;
    }
    return std::nullopt;
}

std::optional<std::uint64_t> Narrower::address_in(const Site& site, std::size_t before,
                                                  std::uint8_t number) const {
    const auto step = number != kNoRegister ? writer(site, before, number) : std::nullopt;
    if (!step) return std::nullopt;
    const Step& one = site.code.steps[*step];
    if (is_address(one, number)) return one.slot;
    if (one.effect == Effect::kConstant) return static_cast<std::uint32_t>(one.amount);
    return std::nullopt;
}

std::optional<TypedPlace> Narrower::pointee(const Site& site, std::size_t before, std::uint8_t number,
                                            int depth) {
    DebugTypes& types = types_of(site.binary);
    if (depth > kDepthMax || number == kNoRegister) return std::nullopt;
    std::size_t at = before;
    for (int count = 0; count < kStepsBackMax; ++count) {
        if (auto known = types.pointee_in_register(site.code.steps[at].address, number)) return known;
        const auto step = site.code.before(at);
        if (!step) return std::nullopt;
        at = *step;
        const Step& one = site.code.steps[at];
        if (one.flow == Flow::kCall && (kScratchRegisters & (1U << number)) != 0)
            return number == kRax && one.target != 0 ? types.returned_pointee(one.target) : std::nullopt;
        if (!writes(one, number)) continue;
        if (is_address(one, number)) return types.variable_at(one.address, one.slot);
        if (one.effect == Effect::kLoad) return pointee_of_load(site, at, depth);
        if (one.effect != Effect::kSum || one.from == kNoRegister) return std::nullopt;
        auto from = pointee(site, at, one.from, depth + 1);
        if (from) from->offset += one.amount;
        return from;
    }
    return std::nullopt;
}

// What the pointer points to that the step at `at` reads.
std::optional<TypedPlace> Narrower::pointee_of_load(const Site& site, std::size_t at, int depth) {
    const Step& step = site.code.steps[at];
    if (const auto offset = site.code.offset_from_cfa(step))
        return types_of(site.binary).pointee_in_frame(step.address, *offset);
    const auto place = place_of(site, {at, step.displacement}, depth + 1);
    return place ? DebugTypes::pointee_at(*place) : std::nullopt;
}

// What debug information says of memory that a step reads.
std::optional<TypedPlace> Narrower::place_of(const Site& site, const Word& word, int depth) {
    const Step& step = site.code.steps[word.step];
    if (step.base == kNoRegister && step.index == kNoRegister && step.slot != 0)
        return types_of(site.binary).variable_at(step.address, step.slot);
    if (step.index != kNoRegister) return std::nullopt;
    auto place = pointee(site, word.step, step.base, depth);
    if (place) place->offset += word.displacement;
    return place;
}

std::optional<Narrowing> Narrower::by_table(const Site& site, const Word& word) {
    const Step& step = site.code.steps[word.step];
    if (step.index == kNoRegister) return std::nullopt;
    std::optional<std::uint64_t> begin;
    if (step.base == kNoRegister && step.displacement > 0)
        begin = static_cast<std::uint64_t>(word.displacement);
    if (!begin) begin = address_in(site, word.step, step.base);
    if (!begin && step.scale == 1) begin = address_in(site, word.step, step.index);
    if (!begin) return std::nullopt;
    if (step.base != kNoRegister) *begin += static_cast<std::uint64_t>(word.displacement);
    Binary& binary = *binaries_[site.binary];
    const auto table = binary.object_around(*begin);
    if (!table || table->bytes > kTableBytesMax ||
        !binary.is_constant(table->address, table->address + table->bytes))
        return std::nullopt;
    // A field of the first of its rows. Further behind, it may be the table after this one, counted from -1.
    const std::uint64_t field = *begin - table->address;
    if (field != 0 && 2 * (field + kWordBytes) > table->bytes) return std::nullopt;
    Narrowing found;
    for (std::uint64_t at = table->address; at + kWordBytes <= table->address + table->bytes;
         at += kWordBytes) {
        const Slot slot = binary.pointer(at);
        if (slot.kind == Slot::Kind::kImport || slot.kind == Slot::Kind::kChosenAtStart ||
            (slot.kind == Slot::Kind::kAddress && binary.function_at(slot.address)))
            add_target(found.targets, {site.binary, slot});
    }
    if (found.targets.empty() || found.targets.size() > kTargetsMax) return std::nullopt;
    found.assumption = "a call through the constant table " + readable(table->name) + " reaches " +
                       functions_text(found.targets.size()) + " in it";
    return found;
}

std::optional<Narrowing> Narrower::by_vtable(const Site& site, const Word& word, DoubtKind* why) {
    // The table's address, over sums, then the word of the object that it was loaded from.
    std::int64_t entry_offset = word.displacement;
    std::size_t at = word.step;
    std::uint8_t number = site.code.steps[at].base;
    if (site.code.steps[at].index != kNoRegister) return std::nullopt;  // by a pointer to a member
    std::optional<Word> pointer;
    for (int depth = 0; depth < kDepthMax && !pointer && number != kNoRegister; ++depth) {
        const auto step = writer(site, at, number);
        if (!step) return std::nullopt;
        const Step& one = site.code.steps[*step];
        at = *step;
        number = one.effect == Effect::kSum ? one.from : kNoRegister;
        if (one.effect == Effect::kLoad) pointer = Word{at, one.displacement};
        if (one.effect == Effect::kSum) entry_offset += one.amount;
    }
    if (!pointer || entry_offset < 0 || entry_offset % static_cast<std::int64_t>(kWordBytes) != 0)
        return std::nullopt;
    const auto object = place_of(site, *pointer, 0);
    auto place = object ? DebugTypes::virtual_class_at(*object) : std::nullopt;
    std::vector<std::string> names = place ? DebugTypes::linkage_names_of(place->type)
                                           : std::vector<std::string>();
    // A class that declares no function has those of its base.
    while (place && names.empty() && !DebugTypes::declares_functions(place->type)) {
        place = DebugTypes::base_at(*place);
        if (place) names = DebugTypes::linkage_names_of(place->type);
    }
    if (!place) return std::nullopt;
    if (classes_ == nullptr) classes_ = std::make_unique<Classes>(binaries_);
    const std::string name = DebugTypes::name_of(place->type);
    const std::vector<Classes::Id> ids = classes_->find(name, names, site.binary);
    Narrowing found;
    for (const Classes::Id id : ids) {
        if (open_world_ && !classes_->is_internal(id)) {
            *why = DoubtKind::kOpenCall;
            return std::nullopt;
        }
        std::vector<Classes::Entry> entries;
        if (!classes_->entries(id, place->offset, entry_offset, entries)) return std::nullopt;
        for (const Classes::Entry& one : entries)
            add_target(found.targets, one);
    }
    if (found.targets.empty() || found.targets.size() > kTargetsMax) return std::nullopt;
    found.assumption = "a virtual call is narrowed to " + functions_text(found.targets.size()) +
                       " at offset " + offset_text(entry_offset) + " of the vtables of " + name +
                       "'s family: no class that is not in these binaries derives from it";
    return found;
}

std::optional<Narrowing> Narrower::by_type(const TypedPlace& function, DoubtKind* why) {
    const std::string signature = function.offset == 0 ? DebugTypes::signature_of(function.type) : "";
    if (signature.empty()) return std::nullopt;
    if (open_world_) {
        *why = DoubtKind::kOpenCall;
        return std::nullopt;
    }
    if (taken_ == nullptr) {
        std::vector<DebugTypes*> types;
        for (std::uint32_t i = 0; i < binaries_.size(); ++i)
            types.push_back(&types_of(i));
        taken_ = std::make_unique<TakenAddresses>(binaries_, types);
    }
    Narrowing found;
    for (const Classes::Entry& one : taken_->of_type(signature))
        add_target(found.targets, one);
    if (found.targets.empty() || found.targets.size() > kTargetsMax) return std::nullopt;
    found.assumption = "a call through a pointer is narrowed to " + functions_text(found.targets.size()) +
                       " of type " + signature +
                       " whose address the program takes: no library without debug information hands out "
                       "one of its own";
    return found;
}

std::optional<Narrowing> Narrower::narrow(std::uint32_t binary, const CodeView& code, std::size_t step,
                                          DoubtKind* why) {
    *why = DoubtKind::kIndirectCall;
    const Site site = {binary, code, step};
    const Step& call = code.steps[step];
    std::optional<Word> word = Word{step, call.displacement};
    std::optional<TypedPlace> function;
    if (call.through != kNoRegister) {
        word = loaded_from(site, step, call.through);
        function = pointee(site, step, call.through, 0);
    }
    if (word) {
        if (auto found = by_table(site, *word)) return found;
        if (auto found = by_vtable(site, *word, why)) return found;
        if (!function) function = pointee_of_load(site, word->step, 0);
    }
    return function && *why == DoubtKind::kIndirectCall ? by_type(*function, why) : std::nullopt;
}

}  // namespace coroscope::bounds
