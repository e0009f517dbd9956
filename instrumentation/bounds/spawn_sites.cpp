// References from code to closure types, and the lines at which they stand.
#include "instrumentation/bounds/spawn_sites.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "instrumentation/bounds/spawn_wish.h"
#include "instrumentation/inspect/symbols.h"
#include "instrumentation/wire/pool.h"

namespace coroscope::bounds {
namespace {

// cprime::detail::closure_type<F, T> (runtime/include/cprime/spawn.h): entry, bytes, alignment, bytes of the result.
constexpr std::string_view kClosureType = "_ZN6cprime6detail12closure_type";
constexpr std::uint64_t kClosureTypeBytes = 32;
constexpr std::uint64_t kClosureBytesMax = 1U << 20;
constexpr std::uint64_t kMappedAt = 0x5000'0000'0000;  // where the binary lies in thought: symbols are asked for there
constexpr std::size_t kCallersMax = 256;
constexpr std::string_view kMetadata = "_ZN6cprime11metadata_ofI";  // cprime::metadata_of<F> (runtime/include/cprime/metadata.h)
constexpr std::string_view kSpawnOfC = "co_spawn_at";  // runtime/include/cprime/co.h
// cprime::Signals::handle() with a std::function (runtime/include/cprime/signal.h), and what the runtime spawns for each signal that comes.
constexpr std::string_view
    kHandle = "_ZN6cprime7Signals6handleEiSt8functionIFvRKNS_10SignalInfoEEENS_16SignalComplexityENS_5PlaceE";
constexpr std::string_view kOfSignal = "SignalThread8Handling";

struct ClosureType {
    NodeId entry = 0;
    std::uint64_t bytes = 0, alignment = 0;
    std::optional<Declared> declared;
};

struct Reference {
    std::uint64_t from = 0;  // the instruction
    std::uint64_t to = 0;
};

// A header of the runtime: …/cprime/spawn.h, …/cprime/detail/park.h.
bool is_runtime_header(const std::string& file) {
    for (const std::string_view folder : {"/cprime/detail/", "/cprime/"}) {
        const std::size_t at = file.rfind(folder);
        if (at != std::string::npos && file.find('/', at + folder.size()) == std::string::npos &&
            file.ends_with(".h"))
            return true;
    }
    return false;
}
bool is_micro_pool_header(const std::string& file) {
    return file.ends_with("/cprime/micro_pool.h");
}
// Where the bracket that ends at `close` begins; npos: nowhere.
std::size_t opening_of(std::string_view text, std::size_t close, char open, char shut) {
    int depth = 0;
    for (std::size_t at = close + 1; at-- > 0;) {
        if (text[at] == shut) ++depth;
        if (text[at] == open && --depth == 0) return at;
    }
    return std::string_view::npos;
}

// "demo::spawn_counted" of "…, demo::spawn_counted<…>(cprime::SpawnOptions const&, …, cprime::Place)::{lambda()#1}, …": functions that are told
// the site by their caller. What is spawned there names them, also where they were inlined.
void add_handers(std::string_view name, std::set<std::string>& handers) {
    constexpr std::string_view kEnd = "cprime::Place)";
    for (std::size_t at = name.find(kEnd); at != std::string_view::npos; at = name.find(kEnd, at + 1)) {
        std::size_t end = opening_of(name, at + kEnd.size() - 1, '(', ')');
        if (end == std::string_view::npos || end == 0) continue;
        if (name[end - 1] == '>') end = opening_of(name, end - 1, '<', '>');
        if (end == std::string_view::npos) continue;
        std::size_t begin = end;
        while (begin > 0 && (std::isalnum(static_cast<unsigned char>(name[begin - 1])) != 0 ||
                             name[begin - 1] == '_' || name[begin - 1] == ':'))
            --begin;
        if (begin < end) handers.emplace(name.substr(begin, end - begin));
    }
}
// A function's name without return type, template arguments and parameters.
std::string plain_name(const std::string& function) {
    const std::string name = function.substr(0, function.find_first_of("<("));
    return name.substr(name.rfind(' ') + 1);
}

class SiteFinder {
public:
    explicit SiteFinder(Program& program)
        : program_(program), binary_(program.binary()), symbols_({module()}), wishes_(binary_) {}
    std::vector<SpawnSite> find();

private:
    inspect::Module module() {
        std::uint64_t high = 0;
        for (const Binary::Range& range : binary_.code())
            high = std::max(high, range.high);
        const std::uint64_t low = binary_.file().first_address();
        return {binary_.path(), kMappedAt + low, kMappedAt + high, binary_.file().build_id(), nullptr};
    }
    void read_metadata();
    void read_types();
    void note_words_of_types();
    void find_c_sites();
    void find_signal_sites();
    void find_references();
    std::optional<SpawnSite> c_site(std::uint64_t call, const ClosureType& type);
    bool hands_place_on(const std::string& function) const {
        return function.ends_with("cprime::Place)") || handers_.contains(plain_name(function));
    }
    template <typename Wanted>
    std::vector<Reference> references(std::uint64_t low, std::uint64_t high, const Wanted& wanted);
    void place(std::uint64_t from, SpawnSite site, std::set<std::uint64_t>& seen);
    struct SourcePlace {
        std::string file;
        std::uint32_t line = 0;
    };
    const std::vector<SourcePlace>& places_in(std::uint32_t function);
    void name_as_program_does(std::uint64_t from, SpawnSite& site);

    Program& program_;
    Binary& binary_;
    inspect::Symbolizer symbols_;
    WishReader wishes_;
    Decoder decoder_;
    std::map<std::string, Declared> declared_;  // by the readable name of the type
    std::map<std::uint64_t, ClosureType> types_;
    std::map<std::uint64_t, std::uint64_t>
        words_;  // that hold the address of a type: code for shared libraries has it from there
    std::optional<ClosureType> c_type_;       // of co_spawn()
    std::optional<ClosureType> signal_type_;  // of handlers of signals
    std::set<std::string> handers_;
    std::map<std::uint32_t, std::vector<SourcePlace>> places_;
    std::vector<SpawnSite> sites_;
};

// What stands between the first < of a name and its end, without the last >: the template's arguments.
std::string_view arguments_of(std::string_view name) {
    const std::size_t open = name.find('<');
    if (open == std::string_view::npos || !name.ends_with('>')) return {};
    name = name.substr(open + 1, name.size() - open - 2);
    return name.substr(0, name.find_last_not_of(' ') + 1);  // "> >"
}

void SiteFinder::read_metadata() {
    constexpr std::uint64_t kMetadataBytes = 8;
    for (const Object& object : binary_.objects_named(kMetadata)) {
        const auto word = object.bytes == kMetadataBytes ? binary_.constant_word(object.address) : std::nullopt;
        const std::string name = readable(object.name);
        if (!word || arguments_of(name).empty()) continue;
        const auto byte = [&](unsigned at) { return static_cast<std::uint8_t>(*word >> (8 * at)); };
        const bool says_anything = static_cast<std::uint32_t>(*word) != 0 || byte(5) != 0 || byte(6) != 0 || byte(7) != 0;
        if (byte(7) > wire::kSizeClassesCount || !says_anything) continue;
        declared_[std::string(arguments_of(name))] = {static_cast<std::uint32_t>(*word), byte(4) != 0, byte(5) != 0, byte(6) != 0, byte(7)};
    }
}

void SiteFinder::read_types() {
    read_metadata();
    for (const Object& object : binary_.objects_named(kClosureType)) {
        if (object.bytes != kClosureTypeBytes) continue;
        const Binary::Slot slot = binary_.slot(object.address);
        std::optional<std::uint64_t> entry = slot.kind == Binary::Slot::Kind::kAddress
                                                 ? slot.address
                                                 : binary_.word(object.address);
        if (slot.kind == Binary::Slot::Kind::kImport) {
            const auto named = binary_.function_named(slot.import);
            entry = named ? std::optional(binary_.functions()[*named].low) : std::nullopt;
        }
        const auto bytes = binary_.word(object.address + 8);
        const auto alignment = binary_.word(object.address + 16);
        if (!entry || !bytes || !alignment || *bytes > kClosureBytesMax || *alignment > kClosureBytesMax)
            continue;
        const auto function = program_.function_at(*entry);
        add_handers(readable(object.name), handers_);
        if (!function) continue;
        ClosureType type = {*function, *bytes, *alignment, {}};
        const std::string name = readable(object.name);
        for (const auto& [of, declared] : declared_) {
            const std::string_view arguments = arguments_of(name);
            if (arguments.starts_with(of) && arguments.substr(of.size()).starts_with(", ")) type.declared = declared;
        }
        if (std::string_view(object.name).find(kSpawnOfC) != std::string_view::npos) {
            c_type_ = type;
        } else {
            types_[object.address] = type;
        }
        if (std::string_view(object.name).find(kOfSignal) != std::string_view::npos) signal_type_ = type;
    }
}

void SiteFinder::note_words_of_types() {
    std::map<std::string_view, std::uint64_t> names;
    for (const Object& object : binary_.objects_named(kClosureType)) {
        if (types_.contains(object.address)) names.emplace(object.name, object.address);
    }
    for (const auto& [address, slot] : binary_.pointers()) {
        if (slot.kind == Binary::Slot::Kind::kAddress && types_.contains(slot.address))
            words_[address] = slot.address;
        const auto named = slot.kind == Binary::Slot::Kind::kImport ? names.find(slot.import) : names.end();
        if (named != names.end()) words_[address] = named->second;
    }
}

// Instructions that name an address in [low, high) which is wanted: by a distance from their end, or as it is. The bytes are searched first,
// and only functions with a hit are decoded.
template <typename Wanted>
std::vector<Reference> SiteFinder::references(std::uint64_t low, std::uint64_t high, const Wanted& wanted) {
    std::vector<Reference> found;
    std::map<std::uint32_t, std::vector<Reference>> hits;  // by function; `from` is where the four bytes lie
    for (const Binary::Range& range : binary_.code()) {
        const auto code = binary_.bytes(range.low, range.high);
        for (std::size_t i = 0; i + 4 <= code.size(); ++i) {
            std::int32_t value = 0;
            std::memcpy(&value, code.data() + i, sizeof value);
            const std::uint64_t at = range.low + i;
            const std::uint64_t itself = static_cast<std::uint32_t>(value);
            for (const std::uint64_t to :
                 {at + 4 + static_cast<std::uint64_t>(static_cast<std::int64_t>(value)), itself}) {
                if (to < low || to >= high || !wanted(to)) continue;
                const auto function = binary_.function_around(at);
                if (function) hits[*function].push_back({at, to});
            }
        }
    }
    for (const auto& [number, places] : hits) {
        const Function& function = binary_.functions()[number];
        const auto steps = decoder_.decode(binary_.bytes(function.low, function.high), function.low);
        for (const Reference& hit : places) {
            const auto after = std::upper_bound(
                steps.begin(), steps.end(), hit.from,
                [](std::uint64_t address, const Step& step) { return address < step.address; });
            if (after == steps.begin()) continue;
            const Step& step = *std::prev(after);
            // The four bytes are the last ones of the instruction, or of a jump or call.
            if (step.effect == Effect::kBad || step.address + step.bytes != hit.from + 4) continue;
            found.push_back({step.address, hit.to});
        }
    }
    return found;
}

// The constants of std::source_location that a function names: pointers to file and function, then line and column.
const std::vector<SiteFinder::SourcePlace>& SiteFinder::places_in(std::uint32_t number) {
    const auto [known, added] = places_.try_emplace(number);
    if (!added) return known->second;
    const Function& function = binary_.functions()[number];
    std::set<std::uint64_t> tried;
    for (const Step& step : decoder_.decode(binary_.bytes(function.low, function.high), function.low)) {
        if (step.slot == 0 || step.flow != inspect::Flow::kNext) continue;
        for (const std::uint64_t field : {0, 8, 16, 20}) {
            const std::uint64_t at = step.slot - field;
            if (!tried.insert(at).second) continue;
            const std::uint64_t file = binary_.first_address_in(at);
            const auto position = binary_.word(at + 16);
            if (file == 0 || binary_.first_address_in(at + 8) == 0 || !position) continue;
            const auto line = static_cast<std::uint32_t>(*position);
            std::string text = binary_.text(file);
            if (line != 0 && !text.empty()) known->second.push_back({std::move(text), line});
        }
    }
    return known->second;
}

// The place at which the call begins; debug information may know one of its later lines.
void SiteFinder::name_as_program_does(std::uint64_t from, SpawnSite& site) {
    constexpr std::uint32_t kLinesOfCallMax = 50;
    const auto around = binary_.function_around(from);
    if (!around) return;
    const auto file_name = [](const std::string& path) { return path.substr(path.rfind('/') + 1); };
    const SourcePlace* best = nullptr;
    for (const SourcePlace& one : places_in(*around)) {
        if (one.line > site.line || site.line - one.line > kLinesOfCallMax ||
            file_name(one.file) != file_name(site.file))
            continue;
        if (best == nullptr || one.line > best->line) best = &one;
    }
    if (best == nullptr) return;
    site.file = best->file;
    site.line = best->line;
}

void SiteFinder::place(std::uint64_t from, SpawnSite site, std::set<std::uint64_t>& seen) {
    // Names and lines are looked up at the byte before what is given: a return address.
    const std::vector<inspect::Frame> frames = symbols_.frames(kMappedAt + from + 1);
    for (const inspect::Frame& frame : frames) {
        site.in_micro_pool = site.in_micro_pool || is_micro_pool_header(frame.file);
        if (frame.line == 0 || is_runtime_header(frame.file) || hands_place_on(frame.function)) continue;
        site.file = frame.file;
        site.line = frame.line;
        site.function = frame.function;
        name_as_program_does(from, site);
        if (site.wish == 0) site.wish = wishes_.wish_of_options(from);
        sites_.push_back(std::move(site));
        return;
    }
    // The whole function is the runtime's, or hands the site on: it is where it is called. Nobody calls it, or nothing is known: no line.
    const auto around = binary_.function_around(from);
    std::vector<Reference> callers;
    if (around && seen.size() < kCallersMax && seen.insert(binary_.functions()[*around].low).second) {
        const std::uint64_t low = binary_.functions()[*around].low;
        const bool known = !frames.empty() && frames.back().line != 0;
        if (known) callers = references(low, low + 1, [](std::uint64_t) { return true; });
    }
    for (const Reference& caller : callers)
        place(caller.from, site, seen);
    if (!callers.empty()) return;
    if (around) site.function = readable(binary_.functions()[*around].name);
    sites_.push_back(std::move(site));
}

// What the call is handed: the place (rdi) and the function (rcx), each an address that was put there shortly before.
std::optional<SpawnSite> SiteFinder::c_site(std::uint64_t call, const ClosureType& type) {
    constexpr std::uint8_t kRcx = 2, kRdi = 5;
    const auto around = binary_.function_around(call);
    if (!around) return std::nullopt;
    const Function& function = binary_.functions()[*around];
    const auto steps = decoder_.decode(binary_.bytes(function.low, function.high), function.low);
    std::uint64_t place = 0;
    std::uint64_t entry = 0;
    for (std::size_t i = step_at(steps, call); i-- > 0 && (place == 0 || entry == 0);) {
        const Step& step = steps[i];
        if (step.flow != inspect::Flow::kNext) break;
        const bool constant = step.effect == Effect::kConstant;
        const bool address = step.slot != 0 && step.memory_bytes == 0 && step.base == kNoRegister;
        if (!constant && !address) continue;
        const auto writes = [&step](std::uint8_t number) {
            return step.to == number || (step.clobbers & (1U << number)) != 0;
        };
        const std::uint64_t value = constant ? static_cast<std::uint32_t>(step.amount) : step.slot;
        if (writes(kRdi) && place == 0) place = value;
        if (writes(kRcx) && entry == 0) entry = value;
    }
    const auto spawned = program_.function_at(entry);
    const std::uint64_t file = place != 0 ? binary_.first_address_in(place) : 0;
    const auto position = binary_.word(place + 16);
    if (!spawned || file == 0 || !position) return std::nullopt;
    SpawnSite site;
    site.file = binary_.text(file);
    site.line = static_cast<std::uint32_t>(*position);
    site.function = readable(function.name);
    site.entry = *spawned;
    site.depth_before = program_.bound(type.entry).own_depth;
    site.closure_bytes = type.bytes;
    site.closure_alignment = type.alignment;
    return site;
}

// Only where all that is not known of the runtime's own closure is whom it calls; else it is listed like others.
void SiteFinder::find_c_sites() {
    const auto spawn = binary_.function_named(kSpawnOfC);
    if (!c_type_ || !spawn) return;
    for (const Finding& finding : program_.findings(c_type_->entry)) {
        const bool pointer = finding.reason.kind == ReasonKind::kDoubt &&
                             finding.reason.doubt == DoubtKind::kIndirectCall && finding.path.size() == 1;
        if (!pointer) return;
    }
    const std::uint64_t low = binary_.functions()[*spawn].low;
    for (const Reference& call : references(low, low + 1, [](std::uint64_t) { return true; })) {
        if (auto site = c_site(call.from, *c_type_)) sites_.push_back(std::move(*site));
    }
}

// Where a handler is given is where the runtime says that it is spawned; what runs is the runtime's closure, which calls whatever handler it is.
void SiteFinder::find_signal_sites() {
    const auto handle = binary_.function_named(kHandle);
    if (!signal_type_ || !handle) return;
    const std::uint64_t low = binary_.functions()[*handle].low;
    for (const Reference& call : references(low, low + 1, [](std::uint64_t) { return true; })) {
        SpawnSite site;
        site.entry = signal_type_->entry;
        site.closure_bytes = signal_type_->bytes;
        site.closure_alignment = signal_type_->alignment;
        std::set<std::uint64_t> seen;
        place(call.from, std::move(site), seen);
    }
}

void SiteFinder::find_references() {
    const auto wanted = [this](std::uint64_t address) {
        return types_.contains(address) || words_.contains(address);
    };
    if (types_.empty()) return;
    std::uint64_t low = types_.begin()->first;
    std::uint64_t high = types_.rbegin()->first + 1;
    if (!words_.empty()) {
        low = std::min(low, words_.begin()->first);
        high = std::max(high, words_.rbegin()->first + 1);
    }
    for (const Reference& reference : references(low, high, wanted)) {
        const auto word = words_.find(reference.to);
        const ClosureType& type = types_[word != words_.end() ? word->second : reference.to];
        SpawnSite site;
        site.entry = type.entry;
        site.closure_bytes = type.bytes;
        site.closure_alignment = type.alignment;
        site.declared = type.declared;
        site.wish = wishes_.wish_at(reference.from);
        std::set<std::uint64_t> seen;
        place(reference.from, std::move(site), seen);
    }
}

std::vector<SpawnSite> SiteFinder::find() {
    read_types();
    note_words_of_types();
    find_c_sites();
    find_signal_sites();
    find_references();
    const auto key = [](const SpawnSite& site) {
        return std::tie(site.file, site.line, site.entry, site.closure_bytes, site.wish, site.in_micro_pool, site.declared);
    };
    std::sort(sites_.begin(), sites_.end(),
              [&](const SpawnSite& a, const SpawnSite& b) { return key(a) < key(b); });
    sites_.erase(std::unique(sites_.begin(), sites_.end(),
                             [&](const SpawnSite& a, const SpawnSite& b) { return key(a) == key(b); }),
                 sites_.end());
    return std::move(sites_);
}

}  // namespace

std::vector<SpawnSite> spawn_sites(Program& program) {
    return SiteFinder(program).find();
}

std::uint64_t stack_bytes(Program& program, const SpawnSite& site) {
    return coroutine_bytes(site.depth_before + program.bound(site.entry).depth, site.closure_bytes,
                           site.closure_alignment);
}

}  // namespace coroscope::bounds
