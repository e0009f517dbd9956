// Where in types pointers lie.
#include <dwarf.h>

#include <utility>

#include "instrumentation/bounds/debug_types.h"

namespace coroscope::bounds {
namespace {

constexpr int kDepthMax = 32;
constexpr std::size_t kSignatureBytesMax = 4096;

std::optional<Dwarf_Die> type_of(const Dwarf_Die& die) {
    Dwarf_Die of = die;
    Dwarf_Attribute attribute;
    Dwarf_Die found;
    if (dwarf_attr_integrate(&of, DW_AT_type, &attribute) == nullptr ||
        dwarf_formref_die(&attribute, &found) == nullptr)
        return std::nullopt;
    return found;
}

int tag_of(const Dwarf_Die& die) {
    Dwarf_Die of = die;
    return dwarf_tag(&of);
}

bool is_class(int tag) {
    return tag == DW_TAG_class_type || tag == DW_TAG_structure_type;
}
bool is_pointer(int tag) {
    return tag == DW_TAG_pointer_type || tag == DW_TAG_reference_type || tag == DW_TAG_rvalue_reference_type;
}

// Without typedefs and qualifiers.
std::optional<Dwarf_Die> plain(std::optional<Dwarf_Die> type) {
    for (int depth = 0; type && depth < kDepthMax; ++depth) {
        const int tag = tag_of(*type);
        const bool wraps = tag == DW_TAG_typedef || tag == DW_TAG_const_type || tag == DW_TAG_volatile_type ||
                           tag == DW_TAG_restrict_type || tag == DW_TAG_atomic_type;
        if (!wraps) return type;
        type = type_of(*type);
    }
    return std::nullopt;
}

std::int64_t bytes_of(Dwarf_Die type) {
    Dwarf_Word bytes = 0;
    return dwarf_aggregate_size(&type, &bytes) == 0 ? static_cast<std::int64_t>(bytes) : 0;
}

// Nothing: its place is computed while the program runs (a virtual base), or it has none.
std::optional<std::int64_t> location_of(Dwarf_Die member) {
    Dwarf_Attribute attribute;
    Dwarf_Word value = 0;
    if (dwarf_attr(&member, DW_AT_data_member_location, &attribute) == nullptr ||
        dwarf_formudata(&attribute, &value) != 0)
        return std::nullopt;
    return static_cast<std::int64_t>(value);
}

// For each member and base of a class that holds that offset: use(die, its type, offset in it); true ends the search.
template <typename Use>
bool for_each_part(Dwarf_Die type, std::int64_t offset, const Use& use) {
    Dwarf_Die child;
    if (dwarf_child(&type, &child) != 0) return false;
    do {
        const int tag = dwarf_tag(&child);
        if (tag != DW_TAG_member && tag != DW_TAG_inheritance) continue;
        const auto at = location_of(child);
        const auto of = type_of(child);
        if (!at || !of || offset < *at || offset - *at >= bytes_of(*of)) continue;
        if (use(child, *of, offset - *at)) return true;
    } while (dwarf_siblingof(&child, &child) == 0);
    return false;
}

bool has_vtable_pointer(const std::optional<Dwarf_Die>& type, std::int64_t offset, int depth) {
    if (!type || depth > kDepthMax || !is_class(tag_of(*type))) return false;
    return for_each_part(*type, offset, [&](Dwarf_Die part, const Dwarf_Die& of, std::int64_t inside) {
        const char* name = dwarf_diename(&part);
        if (dwarf_tag(&part) == DW_TAG_inheritance) return has_vtable_pointer(plain(of), inside, depth + 1);
        return inside == 0 && name != nullptr && std::string_view(name).starts_with("_vptr");
    });
}

std::optional<TypedPlace> pointer_at(const TypedPlace& place, int depth) {
    const auto type = plain(place.type);
    if (!type || depth > kDepthMax) return std::nullopt;
    const int tag = tag_of(*type);
    if (is_pointer(tag)) {
        const auto to = plain(type_of(*type));
        return place.offset == 0 && to ? std::optional(TypedPlace{*to, 0}) : std::nullopt;
    }
    std::optional<TypedPlace> found;
    if (tag == DW_TAG_array_type) {
        const auto element = type_of(*type);
        const std::int64_t bytes = element ? bytes_of(*element) : 0;
        if (bytes > 0 && place.offset >= 0) found = pointer_at({*element, place.offset % bytes}, depth + 1);
    } else if (is_class(tag)) {
        for_each_part(*type, place.offset, [&](const Dwarf_Die&, const Dwarf_Die& of, std::int64_t inside) {
            found = pointer_at({of, inside}, depth + 1);
            return found.has_value();
        });
    }
    return found;
}

std::optional<TypedPlace> virtual_class(const TypedPlace& place, int depth) {
    const auto type = plain(place.type);
    if (!type || depth > kDepthMax) return std::nullopt;
    const int tag = tag_of(*type);
    std::optional<TypedPlace> found;
    if (tag == DW_TAG_array_type) {
        const auto element = type_of(*type);
        const std::int64_t bytes = element ? bytes_of(*element) : 0;
        if (bytes > 0 && place.offset >= 0)
            found = virtual_class({*element, place.offset % bytes}, depth + 1);
    }
    if (!is_class(tag)) return found;
    if (has_vtable_pointer(type, place.offset, 0)) return TypedPlace{*type, place.offset};
    for_each_part(*type, place.offset, [&](const Dwarf_Die&, const Dwarf_Die& of, std::int64_t inside) {
        found = virtual_class({of, inside}, depth + 1);
        return found.has_value();
    });
    return found;
}

// Plain names of classes: what is left out makes more functions fit, never fewer.
void write_type(const std::optional<Dwarf_Die>& of, int depth, std::string& text);

void write_function(Dwarf_Die type, int depth, std::string& text) {
    write_type(type_of(type), depth + 1, text);
    text += "(";
    Dwarf_Die child;
    Dwarf_Die origin = type;
    // Parameters stand with what a function is an instance of, too, where its own have none.
    Dwarf_Attribute attribute;
    for (const unsigned link : {DW_AT_abstract_origin, DW_AT_specification}) {
        Dwarf_Die further;
        if (dwarf_attr(&origin, link, &attribute) != nullptr &&
            dwarf_formref_die(&attribute, &further) != nullptr)
            origin = further;
    }
    if (dwarf_child(&origin, &child) == 0) {
        const char* between = "";
        do {
            const int tag = dwarf_tag(&child);
            if (tag != DW_TAG_formal_parameter && tag != DW_TAG_unspecified_parameters) continue;
            text += std::exchange(between, ", ");
            if (tag == DW_TAG_formal_parameter) {
                write_type(type_of(child), depth + 1, text);
            } else {
                text += "...";
            }
        } while (dwarf_siblingof(&child, &child) == 0);
    }
    text += ")";
}

void write_type(const std::optional<Dwarf_Die>& of, int depth, std::string& text) {
    if (!of) {
        text += "void";
        return;
    }
    auto type = plain(of);
    if (depth > kDepthMax || text.size() > kSignatureBytesMax) return;
    if (!type) {
        text += "void";  // const void
        return;
    }
    const int tag = tag_of(*type);
    if (is_pointer(tag)) {
        write_type(type_of(*type), depth + 1, text);
        text += tag == DW_TAG_pointer_type ? "*" : tag == DW_TAG_reference_type ? "&" : "&&";
    } else if (tag == DW_TAG_subroutine_type) {
        write_function(*type, depth + 1, text);
    } else {
        const char* name = dwarf_diename(&*type);
        text += name != nullptr ? name : "?";
    }
}

}  // namespace

std::optional<TypedPlace> DebugTypes::pointee_at(const TypedPlace& place) {
    return pointer_at(place, 0);
}

std::optional<TypedPlace> DebugTypes::virtual_class_at(const TypedPlace& place) {
    return virtual_class(place, 0);
}

std::optional<TypedPlace> DebugTypes::base_at(const TypedPlace& place) {
    std::optional<TypedPlace> found;
    for_each_part(place.type, place.offset, [&](Dwarf_Die part, const Dwarf_Die& of, std::int64_t inside) {
        const auto type = plain(of);
        if (dwarf_tag(&part) == DW_TAG_inheritance && has_vtable_pointer(type, inside, 0))
            found = TypedPlace{*type, inside};
        return found.has_value();
    });
    return found;
}

bool DebugTypes::declares_functions(const Dwarf_Die& type) {
    Dwarf_Die of = type;
    Dwarf_Die child;
    if (dwarf_child(&of, &child) != 0) return false;
    do {
        if (dwarf_tag(&child) == DW_TAG_subprogram && dwarf_hasattr(&child, DW_AT_artificial) == 0)
            return true;
    } while (dwarf_siblingof(&child, &child) == 0);
    return false;
}

std::string DebugTypes::name_of(const Dwarf_Die& type) {
    Dwarf_Die of = type;
    const char* name = dwarf_diename(&of);
    return name != nullptr ? name : "";
}

std::vector<std::string> DebugTypes::linkage_names_of(const Dwarf_Die& type) {
    std::vector<std::string> names;
    Dwarf_Die of = type;
    Dwarf_Die child;
    if (dwarf_child(&of, &child) != 0) return names;
    do {
        Dwarf_Attribute attribute;
        if (dwarf_tag(&child) != DW_TAG_subprogram) continue;
        const char* name = dwarf_formstring(dwarf_attr(&child, DW_AT_linkage_name, &attribute));
        if (name != nullptr) names.emplace_back(name);
    } while (dwarf_siblingof(&child, &child) == 0);
    return names;
}

std::string DebugTypes::signature_of(const Dwarf_Die& type) {
    const int tag = tag_of(type);
    if (tag != DW_TAG_subroutine_type && tag != DW_TAG_subprogram) return "";
    std::string text;
    write_function(type, 0, text);
    return text.size() > kSignatureBytesMax ? "" : text;
}

}  // namespace coroscope::bounds
