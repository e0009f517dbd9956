// Putting names to addresses: DWARF where there is some, the symbol table elsewhere, a cache before both.
#include "instrumentation/inspect/symbols.h"

#include <dwarf.h>

#include <unordered_map>

#include "instrumentation/inspect/dwfl_modules.h"
#include "instrumentation/inspect/function_index.h"
#include "instrumentation/inspect/module_set.h"

namespace coroscope::inspect {
namespace {

std::uint32_t unsigned_attribute(Dwarf_Die* die, unsigned name) {
    Dwarf_Attribute attribute;
    Dwarf_Word value = 0;
    if (dwarf_attr(die, name, &attribute) == nullptr || dwarf_formudata(&attribute, &value) != 0) return 0;
    return static_cast<std::uint32_t>(value);
}

// The file that a DW_AT_call_file number names.
std::string file_of(Dwarf_Die* unit, std::uint32_t number) {
    Dwarf_Files* files = nullptr;
    std::size_t count = 0;
    if (dwarf_getsrcfiles(unit, &files, &count) != 0 || number >= count) return "";
    const char* name = dwarf_filesrc(files, number, nullptr, nullptr);
    return name != nullptr ? name : "";
}

}  // namespace

struct Symbolizer::Impl {
    Impl(std::vector<Module> list, const std::vector<std::string>& debug_paths)
        : modules(std::move(list)), dwfl(modules, debug_paths) {}

    ModuleSet modules;
    DwflModules dwfl;
    std::unordered_map<Dwfl_Module*, std::unique_ptr<FunctionIndex>> indices;
    std::unordered_map<std::uint64_t, std::vector<Frame>> known;

    FunctionIndex* index(std::uint64_t address) {
        Dwfl_Module* module = dwfl.find(address);
        if (module == nullptr) return nullptr;
        auto& found = indices[module];
        if (found == nullptr) found = std::make_unique<FunctionIndex>(module);
        return found.get();
    }

    // Frames of the code at `address`, named in DWARF; empty when there is none.
    std::vector<Frame> from_dwarf(FunctionIndex& functions, std::uint64_t address) {
        std::vector<Frame> frames;
        UnitIndex* unit = functions.unit(address);
        if (unit == nullptr) return frames;
        // The innermost function stands at the line table's position, each outer one where it called the one
        // inside it.
        FunctionIndex::Position position = functions.position(address);
        for (const FunctionScope* scope : unit->scopes(address)) {
            Dwarf_Die die = scope->die;
            Frame frame;
            frame.function = unit->name(*scope);
            frame.file = position.file;
            frame.line = position.line;
            frame.inlined = dwarf_tag(&die) == DW_TAG_inlined_subroutine;
            if (frame.inlined) {
                position.file = file_of(&unit->unit(), unsigned_attribute(&die, DW_AT_call_file));
                position.line = unsigned_attribute(&die, DW_AT_call_line);
            }
            frames.push_back(std::move(frame));
        }
        // Ranges that do not nest (broken debug information): what no function contains is a frame all the same.
        if (!frames.empty()) frames.back().inlined = false;
        return frames;
    }

    std::vector<Frame> look_up(std::uint64_t address) {
        std::vector<Frame> frames;
        if (FunctionIndex* functions = index(address)) {
            frames = from_dwarf(*functions, address);
            if (frames.empty()) {
                const FunctionIndex::Symbol symbol = functions->symbol(address);
                if (symbol.name[0] == '\0') return frames;
                Frame frame;
                frame.function = demangle(symbol.name);
                const FunctionIndex::Position position = functions->position(
                    address);  // assembly has lines at most
                frame.file = position.file;
                frame.line = position.line;
                frames.push_back(std::move(frame));
            }
        }
        return frames;
    }
};

Symbolizer::Symbolizer(std::vector<Module> modules, const std::vector<std::string>& debug_paths)
    : impl_(std::make_unique<Impl>(std::move(modules), debug_paths)) {}

Symbolizer::~Symbolizer() = default;

const std::vector<Frame>& Symbolizer::frames(std::uint64_t pc) {
    const auto found = impl_->known.find(pc);
    if (found != impl_->known.end()) return found->second;
    std::vector<Frame> frames = impl_->look_up(pc - 1);
    // A coroutine that never ran stands at the first byte of its trampoline, which nobody called.
    if (frames.empty()) frames = impl_->look_up(pc);
    if (frames.empty()) frames.emplace_back();
    const ModuleSet::Entry* entry = impl_->modules.find(pc - 1);
    for (Frame& frame : frames) {
        frame.pc = pc;
        if (entry == nullptr) continue;
        frame.module = entry->module.path;
        frame.module_offset = pc - entry->module.low;
    }
    return impl_->known.emplace(pc, std::move(frames)).first->second;
}

std::vector<Frame> Symbolizer::frames(const std::vector<std::uint64_t>& pcs) {
    std::vector<Frame> all;
    for (const std::uint64_t pc : pcs) {
        const std::vector<Frame>& here = frames(pc);
        all.insert(all.end(), here.begin(), here.end());
    }
    return all;
}

bool Symbolizer::function_range(std::uint64_t pc, std::uint64_t* low, std::uint64_t* high, std::string* name) {
    for (const std::uint64_t address : {pc - 1, pc}) {
        FunctionIndex* functions = impl_->index(address);
        if (functions == nullptr) continue;
        UnitIndex* unit = functions->unit(address);
        if (unit != nullptr && unit->function_piece(address, low, high)) {
            *name = unit->name(*unit->scopes(address).back());
            return true;
        }
        const FunctionIndex::Symbol symbol = functions->symbol(address);
        if (symbol.name[0] == '\0') continue;
        *low = symbol.low;
        *high = symbol.high;
        *name = demangle(symbol.name);
        return true;
    }
    return false;
}

Symbolizer::Place Symbolizer::place(std::uint64_t address) {
    Place place;
    const ModuleSet::Entry* entry = impl_->modules.find(address);
    if (entry == nullptr) return place;
    place.module = entry->module.path;
    place.module_offset = address - entry->module.low;
    FunctionIndex* functions = impl_->index(address);
    if (functions == nullptr) return place;
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    UnitIndex* unit = functions->unit(address);
    if (unit != nullptr && unit->function_piece(address, &low, &high)) {
        place.name = unit->name(*unit->scopes(address).back());
        place.offset = address - low;
        place.code = true;
        return place;
    }
    FunctionIndex::Symbol symbol = functions->symbol(address);
    place.code = symbol.name[0] != '\0';
    if (!place.code) symbol = functions->object(address);
    if (symbol.name[0] == '\0') return place;
    place.name = demangle(symbol.name);
    place.offset = address - symbol.low;
    return place;
}

Symbolizer::Position Symbolizer::position(std::uint64_t address) {
    FunctionIndex* functions = impl_->index(address);
    if (functions == nullptr) return {};
    FunctionIndex::Position found = functions->position(address);
    return {std::move(found.file), found.line};
}

std::string Symbolizer::import_at(std::uint64_t slot) {
    FunctionIndex* functions = impl_->index(slot);
    return functions != nullptr ? functions->import_at(slot) : std::string();
}

std::size_t Symbolizer::read_code(std::uint64_t address, std::uint8_t* to, std::size_t bytes) const {
    return impl_->modules.read(address, to, bytes);
}

}  // namespace coroscope::inspect
