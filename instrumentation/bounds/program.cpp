// Reading functions into a graph of calls. Depths are computed in depths.cpp, words for people are in sentences.cpp.
#include "instrumentation/bounds/program.h"

#include <unistd.h>

#include <algorithm>
#include <set>

#include "instrumentation/base/check.h"
#include "instrumentation/bounds/resolver.h"
#include "instrumentation/bounds/runtime_calls.h"
#include "instrumentation/wire/stack_segment.h"

namespace coroscope::bounds {
namespace {

constexpr std::uint32_t kReturnAddressBytes = 8;
constexpr std::string_view kRunsClosure = "run_closure";  // runtime/include/cprime/spawn.h
constexpr std::string_view kSpawnedByC = "co_spawn_at";   // runtime/include/cprime/co.h
constexpr int kReadingDepthMax = 64;  // of functions that are read to learn whether they return
constexpr std::size_t kLibrariesMax = 64;
constexpr std::string_view kCLibraries[] = {"libc.so.6", "ld-linux-x86-64.so.2"};
// Of the C library, they come back somewhere else.
constexpr std::string_view kElsewhere[] = {"longjmp",           "_longjmp",       "siglongjmp",
                                           "__libc_siglongjmp", "__libc_longjmp", "__longjmp_chk",
                                           "setcontext"};
constexpr const char* kLibraryFolders[] = {
    "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib"};

// Folders of a search path, "$ORIGIN" being that of the binary.
std::vector<std::string> folders_of(const Binary& binary) {
    const std::string& path = binary.path();
    const std::size_t slash = path.rfind('/');
    const std::string origin = slash == std::string::npos ? "." : path.substr(0, slash);
    std::vector<std::string> folders;
    const std::string& text = binary.search_path();
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find(':', begin), text.size());
        std::string folder = text.substr(begin, end - begin);
        for (const std::string name : {"${ORIGIN}", "$ORIGIN"}) {
            if (const std::size_t at = folder.find(name); at != std::string::npos)
                folder.replace(at, name.size(), origin);
        }
        if (!folder.empty()) folders.push_back(folder);
        begin = end + 1;
    }
    folders.insert(folders.end(), std::begin(kLibraryFolders), std::end(kLibraryFolders));
    return folders;
}

}  // namespace

base::Result<std::unique_ptr<Program>> Program::open(const std::string& path, const Wishes& wishes) {
    std::unique_ptr<Program> program(new Program);
    program->wishes_ = wishes;
    if (auto status = program->add(path); !status) return status.error();
    program->binary_functions_count_ = program->nodes_.size();
    if (wishes.libraries) program->add_libraries();
    return program;
}

Program::~Program() = default;

base::Status Program::add(const std::string& path) {
    auto binary = Binary::open(path);
    if (!binary) return binary.error();
    auto opened = std::make_unique<Opened>();
    opened->binary = std::move(*binary);
    opened->number = static_cast<std::uint32_t>(binaries_.size());
    opened->first = static_cast<NodeId>(nodes_.size());
    const std::string name = path.substr(path.rfind('/') + 1);
    opened->c_library = std::find(std::begin(kCLibraries), std::end(kCLibraries), name) !=
                        std::end(kCLibraries);
    // They leave the sentence where a core dump's reader finds it. By their code they may return, but nobody calls them so.
    if (opened->c_library) {
        for (const Object& message : opened->binary->objects_named("__abort_msg"))
            opened->fatal = opened->binary->functions_with_distance_to(message.address);
    }
    Opened* const in = opened.get();
    opened->reader = std::make_unique<FrameReader>(
        *opened->binary, [this, in](const Call& call) { return end_of(*in, call); },
        [this, in](const CodeView& code, std::size_t step, DoubtKind* why) {
            return narrow(*in, code, step, why);
        });
    nodes_.resize(nodes_.size() + opened->binary->functions().size());
    binaries_.push_back(std::move(opened));
    return base::ok_status();
}

void Program::add_libraries() {
    std::set<std::string> known;
    for (std::size_t i = 0; i < binaries_.size(); ++i) {
        const std::vector<std::string> folders = folders_of(*binaries_[i]->binary);
        for (const std::string& name : binaries_[i]->binary->needed()) {
            if (name.find('/') != std::string::npos || binaries_.size() > kLibrariesMax ||
                !known.insert(name).second)
                continue;
            const auto folder = std::find_if(folders.begin(), folders.end(), [&](const std::string& one) {
                return access((one + "/" + name).c_str(), R_OK) == 0;
            });
            if (folder == folders.end() || !add(*folder + "/" + name)) missing_.push_back(name);
        }
    }
}

std::vector<std::string> Program::opened() const {
    std::vector<std::string> paths;
    for (std::size_t i = 1; i < binaries_.size(); ++i)
        paths.push_back(binaries_[i]->binary->path());
    return paths;
}

Program::Opened& Program::opened_of(NodeId node) const {
    const auto after = std::upper_bound(
        binaries_.begin(), binaries_.end(), node,
        [](NodeId id, const std::unique_ptr<Opened>& one) { return id < one->first; });
    CHECK(after != binaries_.begin());
    return **std::prev(after);
}

const Function& Program::function(NodeId node) const {
    const Opened& in = opened_of(node);
    return in.binary->functions()[node - in.first];
}

std::optional<NodeId> Program::function_at(std::uint64_t address) const {
    return binaries_.front()->binary->function_at(address);
}

// The word through which a stub of the procedure linkage table jumps: `jmp [slot]`, behind an `endbr64` perhaps.
std::uint64_t Program::stub_slot(Binary& binary, std::uint64_t address) {
    constexpr std::uint64_t kStubBytes = 16;
    if (address > ~kStubBytes) return 0;
    for (const Step& step : stub_decoder_.decode(binary.bytes(address, address + kStubBytes), address)) {
        if (step.flow == inspect::Flow::kNext && step.effect == Effect::kOther && step.clobbers == 0)
            continue;
        const bool through_slot = step.flow == inspect::Flow::kJump && step.target == 0 && step.slot != 0;
        return through_slot ? step.slot : 0;
    }
    return 0;
}

const Contract* Program::contract_for(std::string_view symbol) const {
    const Contract* const contract = contract_of(symbol);
    const bool wished = contract == nullptr || contract->kind != Contract::Kind::kWarm || wishes_.warm_malloc;
    return wished ? contract : nullptr;
}

Program::Callee Program::callee_named(std::string_view name, bool sanitized, const Call& call) {
    Callee callee;
    callee.reason.address = call.from;
    callee.reason.callee = name;
    callee.contract = contract_for(name);
    if (callee.contract != nullptr) {
        if (sanitized && callee.contract->kind == Contract::Kind::kTakes) {
            callee.contract = nullptr;
            callee.reason.kind = ReasonKind::kSanitizer;
        }
        return callee;
    }
    callee.reason.kind = ReasonKind::kOtherLibrary;
    for (const auto& one : binaries_) {
        const auto found = one->binary->function_named(name, true);
        if (!found) continue;
        if (one->binary->functions()[*found].chosen_at_start) {
            choose(*one, *found, callee);
        } else {
            callee.nodes = {one->first + *found};
        }
        break;
    }
    return callee;
}

// The callees of a call to an IFUNC.
void Program::choose(Opened& in, std::uint32_t resolver, Callee& callee) {
    callee.reason.kind = ReasonKind::kChosenAtStart;
    callee.reason.callee = in.binary->functions()[resolver].name;
    const auto [known, added] = in.choices.try_emplace(resolver);
    if (added) known->second = choices_of(*in.binary, stub_decoder_, in.binary->functions()[resolver]);
    for (const std::uint32_t choice : known->second.value_or(std::vector<std::uint32_t>()))
        callee.nodes.push_back(in.first + choice);
}

// Whom the process that this is bound to calls through a word. A contract of that function goes before its code, as everywhere.
bool Program::take_bound(const Opened& in, std::uint64_t slot, Callee& callee) const {
    const auto bound = in.bound.find(slot);
    if (slot == 0 || bound == in.bound.end() || function(bound->second).chosen_at_start ||
        contract_for(function(bound->second).name) != nullptr)
        return false;
    callee.nodes = {bound->second};
    return true;
}

Program::Callee Program::callee_of(Opened& in, const Call& call) {
    Callee callee;
    callee.reason.address = call.from;
    callee.reason.kind = ReasonKind::kChosenAtStart;
    const bool named = !call.import.empty();
    if (!(named && contract_for(call.import) != nullptr) && take_bound(in, call.slot, callee)) return callee;
    if (named) return callee_named(call.import, in.binary->sanitized(), call);
    auto found = in.binary->function_at(call.target);
    bool chosen = call.chosen_at_start;
    if (!found) {
        const std::uint64_t word = stub_slot(*in.binary, call.target);
        const Binary::Slot slot = in.binary->slot(word);
        const bool import = slot.kind == Binary::Slot::Kind::kImport;
        if (!(import && contract_for(slot.import) != nullptr) && take_bound(in, word, callee)) return callee;
        if (import) return callee_named(slot.import, in.binary->sanitized(), call);
        chosen = slot.kind == Binary::Slot::Kind::kChosenAtStart;
        if (chosen || slot.kind == Binary::Slot::Kind::kAddress) found = in.binary->function_at(slot.address);
    }
    callee.reason.kind = chosen ? ReasonKind::kChosenAtStart : ReasonKind::kNoFunction;
    if (!found) return callee;
    const Function& function = in.binary->functions()[*found];
    if (contract_for(function.name) != nullptr)
        return callee_named(function.name, in.binary->sanitized(), call);
    if (chosen || function.chosen_at_start) {
        choose(in, *found, callee);
    } else {
        callee.nodes = {in.first + *found};
    }
    return callee;
}

// Others may come in: then only what a binary keeps for itself is known to be all.
std::uint32_t Program::narrow(const Opened& in, const CodeView& code, std::size_t step, DoubtKind* why) {
    if (wishes_.any_callee) return 0;
    // Whom the closure of a C program's spawn calls, that spawn says (spawn_sites.h).
    const auto around = in.binary->function_around(code.steps[step].address);
    const std::string_view name = around ? in.binary->functions()[*around].name : "";
    if (name.find(kRunsClosure) != std::string_view::npos && name.find(kSpawnedByC) != std::string_view::npos)
        return 0;
    if (narrower_ == nullptr) {
        std::vector<Binary*> binaries;
        bool open_world = !wishes_.libraries || !missing_.empty() || !binary().is_program();
        for (const auto& one : binaries_) {
            binaries.push_back(one->binary.get());
            open_world |= one->binary->loads_libraries() && !one->c_library;
        }
        narrower_ = std::make_unique<Narrower>(std::move(binaries), open_world);
    }
    auto narrowed = narrower_->narrow(in.number, code, step, why);
    if (!narrowed) return 0;
    narrowings_.push_back(std::move(*narrowed));
    return static_cast<std::uint32_t>(narrowings_.size());
}

bool Program::is_fatal(NodeId node) const {
    const Opened& in = opened_of(node);
    return std::binary_search(in.fatal.begin(), in.fatal.end(), node - in.first);
}

// Of a function that does not return: whether that is the end of the program. The C library does not serve for ever: what never returns there
// has found the memory corrupt, say, or a thread cancelled.
bool Program::ends_program(NodeId node) const {
    const Opened& in = opened_of(node);
    if (nodes_[node].ends || is_fatal(node)) return true;
    const std::string_view name = function(node).name;
    return in.c_library &&
           std::find(std::begin(kElsewhere), std::end(kElsewhere), name) == std::end(kElsewhere);
}

// Asked while functions are read, so it may read others; in circles and beyond some depth they return, which costs a doubt at worst.
CallEnd Program::end_of(Opened& in, const Call& call) {
    using Kind = CallEnd::Kind;
    const Callee callee = callee_of(in, call);
    if (callee.contract != nullptr) {
        switch (callee.contract->kind) {
            case Contract::Kind::kTakes:
            case Contract::Kind::kEarlier:
            case Contract::Kind::kWarm:
                return {Kind::kReturns, false, enters_runtime(callee.contract->name)};
            case Contract::Kind::kGrows:
                return {Kind::kReturns, true};
            case Contract::Kind::kEnds:
                return {Kind::kEnds};
            case Contract::Kind::kThrows:
                return {wishes_.no_throw ? Kind::kEnds : Kind::kNever};
        }
    }
    if (callee.nodes.empty()) return {};
    CallEnd end{Kind::kEnds, false, false, 0};
    for (const NodeId node : callee.nodes) {
        if (nodes_[node].read == Node::Read::kNow || reading_depth_ >= kReadingDepthMax) return {};
        static_cast<void>(read(node));
        end.clobbers |= nodes_[node].clobbers;
        end.enters_runtime |= enters_runtime(function(node).name);
        if (nodes_[node].returns && !is_fatal(node)) {
            end.kind = Kind::kReturns;
        } else if (end.kind == Kind::kEnds && !ends_program(node)) {
            end.kind = Kind::kNever;
        }
    }
    // Only of functions that nobody can put others in the place of do compilers know what they change.
    if (call.target == 0 || call.chosen_at_start) end.clobbers = kScratchRegisters;
    return end;
}

const Program::Node& Program::read(NodeId id) {
    if (nodes_[id].read != Node::Read::kNo) return nodes_[id];
    nodes_[id].read = Node::Read::kNow;
    ++reading_depth_;
    Opened& in = opened_of(id);
    const Frame frame = in.reader->read(function(id));
    Node& node = nodes_[id];
    node.bound.own_depth = node.frame_depth = frame.depth;
    node.returns = frame.returns;
    node.ends = frame.ends;
    node.clobbers = frame.clobbers;
    node.checked_bytes = frame.checked_bytes;
    for (const Doubt& doubt : frame.doubts)
        node.reasons.push_back({ReasonKind::kDoubt, doubt.kind, doubt.address, ""});
    for (const Call& call : frame.calls) {
        take_call(in, node, call);
        if (call.enters_runtime) note_runtime_call(in, id, call);
    }
    --reading_depth_;
    node.read = Node::Read::kYes;
    return node;
}

void Program::note_runtime_call(Opened& in, NodeId id, const Call& call) {
    const Callee callee = callee_of(in, call);
    const std::string_view door = callee.contract != nullptr ? callee.contract->name
                                                             : function(callee.nodes.front()).name;
    std::string_view handed_over = in.binary->object_at(call.first_argument);
    const auto code = in.binary->function_at(call.first_argument);
    if (handed_over.empty() && code) handed_over = in.binary->functions()[*code].name;
    nodes_[id].runtime_calls.push_back({id, call.from, wanted_of(door, handed_over), call.repeats});
}

// A growable function asks for its room before it takes it; where that is there it stays, so that what it asks for is what it may be said to
// take. Counted from the slot's low end, near which the limit lies.
void Program::take_growth(Node& node, const Call& call, Callee& callee) {
    constexpr std::string_view kOfOrdinaryCalls = "__morestack_non_split";
    node.returns = true;
    if (call.asked_bytes == 0) {
        callee.reason.kind = ReasonKind::kGrows;
        node.reasons.push_back(std::move(callee.reason));
        return;
    }
    std::uint32_t wanted = call.asked_bytes;
    if (callee.contract->name == kOfOrdinaryCalls) wanted += COROSCOPE_ORDINARY_CALL_BYTES;
    wanted = std::max(wanted, node.checked_bytes) + static_cast<std::uint32_t>(wire::kOwnSlotLimitBytes);
    node.bound.own_depth = std::max(node.bound.own_depth, wanted);
    node.contracts.push_back(callee.contract);
}

void Program::take_narrowed(Node& node, const Call& call) {
    node.narrowings.push_back(call.narrowing - 1);
    for (const Classes::Entry& target : narrowings_[call.narrowing - 1].targets) {
        Call one = call;
        one.narrowing = 0;
        one.target = target.slot.address;
        one.import = target.slot.import;
        one.chosen_at_start = target.slot.kind == Binary::Slot::Kind::kChosenAtStart;
        take_call(*binaries_[target.binary], node, one);
    }
}

void Program::take_call(Opened& in, Node& node, const Call& call) {
    if (call.narrowing != 0) return take_narrowed(node, call);
    Callee callee = callee_of(in, call);
    const std::uint32_t depth = call.depth + (call.tail ? 0 : kReturnAddressBytes);
    for (const NodeId one : callee.nodes) {
        if (!call.ends) {
            node.edges.push_back({one, depth, call.from});
            continue;
        }
        node.contracts.insert(node.contracts.end(), nodes_[one].contracts.begin(),
                              nodes_[one].contracts.end());
        if (opened_of(one).c_library && (is_fatal(one) || !nodes_[one].returns))
            node.contracts.push_back(&library_end());
    }
    if (!callee.nodes.empty()) {
        if (call.tail && !node.returns) node.returns = end_of(in, call).kind == CallEnd::Kind::kReturns;
        return;
    }
    // What is done on the way to the end is nobody's matter; how the program ends is.
    const bool names_end = callee.contract != nullptr && (callee.contract->kind == Contract::Kind::kEnds ||
                                                          callee.contract->kind == Contract::Kind::kThrows);
    if (call.ends && !names_end) return;
    if (callee.contract == nullptr) {
        node.reasons.push_back(std::move(callee.reason));
        node.returns |= call.tail;
        return;
    }
    switch (callee.contract->kind) {
        case Contract::Kind::kTakes:
            node.bound.own_depth = std::max(node.bound.own_depth, depth + callee.contract->depth);
            node.contracts.push_back(callee.contract);
            node.returns |= call.tail;
            return;
        case Contract::Kind::kEnds:
            node.contracts.push_back(callee.contract);
            return;
        case Contract::Kind::kThrows:
            if (wishes_.no_throw) {
                node.contracts.push_back(callee.contract);
                return;
            }
            callee.reason.kind = ReasonKind::kThrow;
            break;
        case Contract::Kind::kEarlier:
        case Contract::Kind::kWarm:
            node.contracts.push_back(callee.contract);
            node.returns = true;
            return;
        case Contract::Kind::kGrows:
            return take_growth(node, call, callee);
    }
    node.reasons.push_back(std::move(callee.reason));
}

}  // namespace coroscope::bounds
