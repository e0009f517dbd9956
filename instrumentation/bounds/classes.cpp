// The Itanium C++ ABI's type information and vtables, read backwards.
#include "instrumentation/bounds/classes.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

namespace coroscope::bounds {
namespace {

using Slot = Binary::Slot;

constexpr std::uint64_t kWordBytes = 8;
constexpr std::uint32_t kBasesMax = 256;
constexpr int kDepthMax = 64;  // of derivation
constexpr std::string_view kTypeInfo = "_ZTI", kTypeName = "_ZTS", kVtable = "_ZTV";
constexpr std::string_view kOneBase = "_ZTVN10__cxxabiv120__si_class_type_infoE";
constexpr std::string_view kKinds[] = {"_ZTVN10__cxxabiv117__class_type_infoE", kOneBase,
                                       "_ZTVN10__cxxabiv121__vmi_class_type_infoE"};

// "5Shape" of "5Shape", "2ns5Shape" of "N2ns5ShapeE": how names of its functions begin behind "_ZN".
std::string_view nested(std::string_view mangled) {
    if (mangled.starts_with('*')) mangled.remove_prefix(1);
    if (mangled.size() > 2 && mangled.starts_with('N') && mangled.ends_with('E'))
        mangled = mangled.substr(1, mangled.size() - 2);
    return mangled;
}

// Whether a nested name ends with the class of this plain name: "Shape", "Box<int>".
bool ends_with_class(std::string_view nested_name, std::string_view name) {
    const std::size_t arguments = name.find('<');
    const std::string source = std::to_string(std::min(arguments, name.size())) +
                               std::string(name.substr(0, arguments));
    if (arguments == std::string_view::npos) return nested_name.ends_with(source);
    return nested_name.ends_with('E') && nested_name.find(source + "I") != std::string_view::npos;
}

// "_ZNK2ns5Shape4areaEv" is a function of "2ns5Shape", "_ZN2ns5Shape5InnerC1Ev" is one of a class in it.
bool is_function_of(std::string_view linkage_name, std::string_view nested_name) {
    constexpr std::string_view kNested = "_ZN";
    if (!linkage_name.starts_with(kNested)) return false;
    linkage_name.remove_prefix(kNested.size());
    while (!linkage_name.empty() &&
           std::string_view("rVKRO").find(linkage_name.front()) != std::string_view::npos)
        linkage_name.remove_prefix(1);
    return linkage_name.starts_with(nested_name);
}

}  // namespace

Classes::Classes(const std::vector<Binary*>& binaries)
    : binaries_(binaries), type_infos_(binaries.size()), type_info_ranges_(binaries.size()) {
    for (std::uint32_t i = 0; i < binaries_.size(); ++i)
        read_type_infos(i);
    for (std::uint32_t i = 0; i < binaries_.size(); ++i) {
        read_tables(i);
        read_tables_without_types(i);
    }
    for (Id id = 0; id < classes_.size(); ++id) {
        for (const Base& base : classes_[id].bases)
            classes_[base.id].derived.push_back(id);
    }
}

Classes::Id Classes::class_named(const std::string& mangled, std::uint32_t binary) {
    const std::string key = mangled.starts_with('*') ? mangled + "@" + std::to_string(binary) : mangled;
    const auto [known, added] = ids_.try_emplace(key, static_cast<Id>(classes_.size()));
    if (added) classes_.push_back({mangled, {}, {}, {}});
    return known->second;
}

std::string Classes::name_at(std::uint32_t number, std::uint64_t type_info) {
    const Slot name = binaries_[number]->pointer(type_info + kWordBytes);
    if (name.kind == Slot::Kind::kAddress) return binaries_[number]->text(name.address);
    if (name.kind == Slot::Kind::kImport && name.import.starts_with(kTypeName))
        return std::string(name.import.substr(kTypeName.size()));
    return "";
}

void Classes::read_type_infos(std::uint32_t number) {
    Binary& binary = *binaries_[number];
    std::map<std::uint64_t, std::string_view> kinds;
    for (const auto& [address, kind] : binary.type_infos())
        kinds.emplace(address, kind);
    // In the C++ library itself, and in programs at fixed addresses, which have copies of its tables.
    std::map<std::uint64_t, std::string_view> targets;
    for (const std::string_view kind : kKinds) {
        for (const Object& object : binary.objects_named(kind))
            targets.emplace(object.address + 2 * kWordBytes, kind);
    }
    if (!targets.empty()) {
        for (const auto& [address, slot] : binary.pointers()) {
            const auto target = slot.kind == Slot::Kind::kAddress ? targets.find(slot.address) : targets.end();
            if (target != targets.end()) kinds.emplace(address, target->second);
        }
    }
    std::vector<std::pair<std::uint64_t, std::string_view>> of_classes;
    for (const auto& [address, kind] : kinds) {
        if (std::find(std::begin(kKinds), std::end(kKinds), kind) == std::end(kKinds)) continue;
        const std::string name = name_at(number, address);
        if (name.empty()) continue;
        type_infos_[number][address] = class_named(name, number);
        of_classes.emplace_back(address, kind);
    }
    for (const auto& [address, kind] : of_classes)
        read_bases(number, address, type_infos_[number][address], kind);
}

void Classes::read_bases(std::uint32_t number, std::uint64_t address, Id id, std::string_view kind) {
    constexpr std::uint64_t kBasesAt = 16, kListAt = 24, kOfBase = 16, kVirtual = 1;
    constexpr int kOffsetShift = 8;
    Binary& binary = *binaries_[number];
    std::vector<Base> bases;
    const auto add = [&](std::uint64_t at, std::int64_t offset, bool is_virtual) {
        const Slot slot = binary.pointer(at);
        const auto own = slot.kind == Slot::Kind::kAddress ? type_infos_[number].find(slot.address)
                                                           : type_infos_[number].end();
        if (own != type_infos_[number].end()) {
            bases.push_back({own->second, offset, is_virtual});
        } else if (slot.kind == Slot::Kind::kImport && slot.import.starts_with(kTypeInfo)) {
            bases.push_back(
                {class_named(std::string(slot.import.substr(kTypeInfo.size())), number), offset, is_virtual});
        }
    };
    std::uint64_t end = address + kBasesAt;
    if (kind == kOneBase) {
        add(address + kBasesAt, 0, false);
        end += kWordBytes;
    } else if (kind != kKinds[0]) {
        const std::uint64_t count = binary.word(address + kBasesAt).value_or(0) >> 32U;
        end = address + kListAt + std::min<std::uint64_t>(count, kBasesMax) * kOfBase;
        for (std::uint64_t at = address + kListAt; at < end; at += kOfBase) {
            const std::uint64_t flags = binary.word(at + kWordBytes).value_or(0);
            add(at, static_cast<std::int64_t>(flags) >> kOffsetShift, (flags & kVirtual) != 0);
        }
    }
    type_info_ranges_[number].push_back({address, end});
    // Of a class that several binaries have, who says most is right.
    if (bases.size() > classes_[id].bases.size()) classes_[id].bases = std::move(bases);
}

// Words that point to type information, in a table: above stands how far the part is from the object's begin, and no pointer.
void Classes::read_tables(std::uint32_t number) {
    Binary& binary = *binaries_[number];
    const auto pointers = binary.pointers();
    const auto& ranges = type_info_ranges_[number];
    std::uint64_t before = 0;
    for (const auto& [address, slot] : pointers) {
        const std::uint64_t last = std::exchange(before, address);
        std::optional<Id> id;
        if (slot.kind == Slot::Kind::kImport && slot.import.starts_with(kTypeInfo)) {
            id = class_named(std::string(slot.import.substr(kTypeInfo.size())), number);
        } else if (slot.kind == Slot::Kind::kAddress) {
            const auto own = type_infos_[number].find(slot.address);
            if (own != type_infos_[number].end()) id = own->second;
        }
        if (!id || last + kWordBytes == address) continue;
        const auto range = std::upper_bound(ranges.begin(), ranges.end(), address,
                                            [](std::uint64_t at, const auto& one) { return at < one.low; });
        if (range != ranges.begin() && address < std::prev(range)->high) continue;
        const auto top = static_cast<std::int64_t>(binary.word(address - kWordBytes).value_or(1));
        if (top > 0 || top < std::numeric_limits<std::int32_t>::min() ||
            top % static_cast<std::int64_t>(kWordBytes) != 0)
            continue;
        // What is no table goes on with something else.
        const Slot first = binary.pointer(address + kWordBytes);
        const bool functions = first.kind == Slot::Kind::kImport ||
                               (first.kind == Slot::Kind::kAddress && binary.function_at(first.address)) ||
                               (first.kind == Slot::Kind::kUnknown && binary.word(address + kWordBytes) == 0);
        if (functions) classes_[*id].tables.push_back({number, address + kWordBytes, -top});
    }
}

// Tables by their symbols in which none was found: where in them functions begin is not known then.
void Classes::read_tables_without_types(std::uint32_t number) {
    Binary& binary = *binaries_[number];
    std::vector<std::uint64_t> known;
    for (const Class& one : classes_) {
        for (const Table& table : one.tables) {
            if (table.binary == number) known.push_back(table.address);
        }
    }
    std::sort(known.begin(), known.end());
    for (const Object& object : binary.objects_named(kVtable)) {
        const auto inside = std::lower_bound(known.begin(), known.end(), object.address);
        if (inside != known.end() && *inside < object.address + object.bytes) continue;
        for (std::uint64_t at = object.address; at - object.address + kWordBytes <= object.bytes;
             at += kWordBytes) {
            const Slot slot = binary.pointer(at);
            const bool import = slot.kind == Slot::Kind::kImport && !slot.import.starts_with(kTypeInfo);
            if (import || (slot.kind == Slot::Kind::kAddress && binary.function_at(slot.address)))
                without_types_.push_back({number, slot});
        }
    }
}

std::vector<Classes::Id> Classes::find(std::string_view name, const std::vector<std::string>& linkage_names,
                                       std::uint32_t binary) const {
    std::vector<Id> found;
    for (Id id = 0; id < classes_.size(); ++id) {
        const std::string_view mangled = classes_[id].mangled;
        const std::string_view whole = nested(mangled);
        if (!ends_with_class(whole, name)) continue;
        const bool named = std::any_of(linkage_names.begin(), linkage_names.end(),
                                       [&](const std::string& one) { return is_function_of(one, whole); });
        // The binary's own have no linkage names; whichever of them it is, it is one of those that are called so.
        const bool own = mangled.starts_with('*') && linkage_names.empty() &&
                         ids_.contains(std::string(mangled) + "@" + std::to_string(binary));
        if (named || own) found.push_back(id);
    }
    if (linkage_names.empty()) return found;
    // "3Foo" and "3FooI1AE3Foo": the longest is the class itself, the others are around it.
    const auto longest = std::max_element(found.begin(), found.end(), [&](Id a, Id b) {
        return classes_[a].mangled.size() < classes_[b].mangled.size();
    });
    return longest != found.end() ? std::vector<Id>{*longest} : found;
}

// Where in an object of class `whole` parts of class `of` lie, below the part of class `in` at `offset`. How far a virtual base is from there
// stands in the table of that part.
void Classes::find_parts(Id of, Id in, std::int64_t offset, Id whole, int depth, Parts& parts) {
    if (depth > kDepthMax || parts.offsets.size() > kBasesMax) parts.exact = false;
    if (in == of) parts.offsets.push_back(offset);
    if (in == of || !parts.exact) return;
    const std::vector<Base> bases = classes_[in].bases;
    for (const Base& base : bases) {
        if (!base.is_virtual) {
            find_parts(of, base.id, offset + base.offset, whole, depth + 1, parts);
            continue;
        }
        Parts inside;
        for (const Table& table : classes_[whole].tables) {
            const auto distance = table.part == offset
                                      ? binaries_[table.binary]->word(table.address +
                                                                      static_cast<std::uint64_t>(base.offset))
                                      : std::nullopt;
            if (distance)
                find_parts(of, base.id, offset + static_cast<std::int64_t>(*distance), whole, depth + 1,
                           inside);
        }
        if (inside.offsets.empty()) {
            find_parts(of, base.id, 0, whole, depth + 1, inside);
            parts.exact = parts.exact && inside.offsets.empty() && inside.exact;
            continue;
        }
        parts.exact = parts.exact && inside.exact;
        parts.offsets.insert(parts.offsets.end(), inside.offsets.begin(), inside.offsets.end());
    }
}

bool Classes::entry(const Table& table, std::int64_t entry_offset, bool exact, std::vector<Entry>& found) {
    Binary& binary = *binaries_[table.binary];
    const std::uint64_t at = table.address + static_cast<std::uint64_t>(entry_offset);
    const Slot slot = binary.pointer(at);
    if (slot.kind == Slot::Kind::kImport ||
        (slot.kind == Slot::Kind::kAddress && binary.function_at(slot.address))) {
        found.push_back({table.binary, slot});
        return true;
    }
    // An abstract class has no destructors to call: nobody's address.
    return !exact || (slot.kind == Slot::Kind::kUnknown && binary.word(at).value_or(1) == 0);
}

bool Classes::entries(Id id, std::int64_t offset, std::int64_t entry_offset, std::vector<Entry>& found) {
    std::vector<Id> family = {id};
    std::vector<bool> seen(classes_.size());
    seen[id] = true;
    for (std::size_t i = 0; i < family.size(); ++i) {
        for (const Id derived : classes_[family[i]].derived) {
            if (!seen[derived]) family.push_back(derived);
            seen[derived] = true;
        }
    }
    for (const Id one : family) {
        Parts parts;
        find_parts(id, one, 0, one, 0, parts);
        for (const Table& table : classes_[one].tables) {
            const bool its = std::find(parts.offsets.begin(), parts.offsets.end(), table.part - offset) !=
                             parts.offsets.end();
            if ((its || !parts.exact) && !entry(table, entry_offset, parts.exact, found)) return false;
        }
    }
    found.insert(found.end(), without_types_.begin(), without_types_.end());
    return true;
}

}  // namespace coroscope::bounds
