// Reading functions into a graph of calls. Depths are computed in depths.cpp, words for people are in sentences.cpp.
#include "instrumentation/bounds/program.h"

#include <unistd.h>

#include <algorithm>
#include <set>

#include "instrumentation/base/check.h"

namespace coroscope::bounds {
namespace {

constexpr std::uint32_t kReturnAddressBytes = 8;
constexpr int kReadingDepthMax = 64;  // of functions that are read to learn whether they return
constexpr std::size_t kLibrariesMax = 64;
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

base::Result<std::unique_ptr<Program>> Program::open(const std::string& path, bool libraries) {
    std::unique_ptr<Program> program(new Program);
    if (auto status = program->add(path); !status) return status.error();
    program->binary_functions_count_ = program->nodes_.size();
    if (libraries) program->add_libraries();
    return program;
}

Program::~Program() = default;

base::Status Program::add(const std::string& path) {
    auto binary = Binary::open(path);
    if (!binary) return binary.error();
    auto opened = std::make_unique<Opened>();
    opened->binary = std::move(*binary);
    opened->first = static_cast<NodeId>(nodes_.size());
    Opened* const in = opened.get();
    opened->reader = std::make_unique<FrameReader>(
        *opened->binary, [this, in](const Call& call) { return returns(*in, call); });
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

// A stub of the procedure linkage table: `jmp [slot]`, behind an `endbr64` perhaps.
Binary::Slot Program::stub_slot(Binary& binary, std::uint64_t address) {
    constexpr std::uint64_t kStubBytes = 16;
    if (address > ~kStubBytes) return {};
    for (const Step& step : stub_decoder_.decode(binary.bytes(address, address + kStubBytes), address)) {
        if (step.flow == inspect::Flow::kNext && step.effect == Effect::kOther && step.clobbers == 0)
            continue;
        const bool through_slot = step.flow == inspect::Flow::kJump && step.target == 0 && step.slot != 0;
        return through_slot ? binary.slot(step.slot) : Binary::Slot{};
    }
    return {};
}

Program::Callee Program::callee_named(std::string_view name, bool sanitized, const Call& call) {
    Callee callee;
    callee.reason.address = call.from;
    callee.reason.callee = name;
    callee.contract = contract_of(name);
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
            callee.reason.kind = ReasonKind::kChosenAtStart;
        } else {
            callee.node = one->first + *found;
        }
        break;
    }
    return callee;
}

Program::Callee Program::callee_of(Opened& in, const Call& call) {
    Callee callee;
    callee.reason.address = call.from;
    callee.reason.kind = ReasonKind::kChosenAtStart;
    if (call.chosen_at_start) return callee;
    Binary::Slot slot;
    if (!call.import.empty()) return callee_named(call.import, in.binary->sanitized(), call);
    std::uint64_t target = call.target;
    auto found = in.binary->function_at(target);
    if (!found) {
        slot = stub_slot(*in.binary, target);
        if (slot.kind == Binary::Slot::Kind::kImport)
            return callee_named(slot.import, in.binary->sanitized(), call);
        if (slot.kind == Binary::Slot::Kind::kChosenAtStart) return callee;
        if (slot.kind == Binary::Slot::Kind::kAddress) found = in.binary->function_at(slot.address);
    }
    callee.reason.kind = ReasonKind::kNoFunction;
    if (!found) return callee;
    const Function& function = in.binary->functions()[*found];
    if (contract_of(function.name) != nullptr)
        return callee_named(function.name, in.binary->sanitized(), call);
    callee.reason.callee = function.name;
    callee.reason.kind = ReasonKind::kChosenAtStart;
    if (!function.chosen_at_start) callee.node = in.first + *found;
    return callee;
}

// Asked while functions are read, so it may read others; in circles and beyond some depth the answer is yes, which costs a doubt at worst.
bool Program::returns(Opened& in, const Call& call) {
    const Callee callee = callee_of(in, call);
    if (callee.contract != nullptr)
        return callee.contract->kind == Contract::Kind::kTakes ||
               callee.contract->kind == Contract::Kind::kGrows;
    if (!callee.node) return true;
    if (nodes_[*callee.node].read == Node::Read::kNow || reading_depth_ >= kReadingDepthMax) return true;
    return read(*callee.node).returns;
}

const Program::Node& Program::read(NodeId id) {
    if (nodes_[id].read != Node::Read::kNo) return nodes_[id];
    nodes_[id].read = Node::Read::kNow;
    ++reading_depth_;
    Opened& in = opened_of(id);
    const Frame frame = in.reader->read(function(id));
    Node& node = nodes_[id];
    node.bound.own_depth = frame.depth;
    node.returns = frame.returns;
    for (const Doubt& doubt : frame.doubts)
        node.reasons.push_back({ReasonKind::kDoubt, doubt.kind, doubt.address, ""});
    for (const Call& call : frame.calls)
        take_call(in, node, call);
    --reading_depth_;
    node.read = Node::Read::kYes;
    return node;
}

void Program::take_call(Opened& in, Node& node, const Call& call) {
    Callee callee = callee_of(in, call);
    const std::uint32_t depth = call.depth + (call.tail ? 0 : kReturnAddressBytes);
    if (callee.node) {
        node.edges.push_back({*callee.node, depth, call.from});
        if (call.tail && !node.returns) node.returns = returns(in, call);
        return;
    }
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
            callee.reason.kind = ReasonKind::kThrow;
            break;
        case Contract::Kind::kGrows:
            callee.reason.kind = ReasonKind::kGrows;
            node.returns = true;
            break;
    }
    node.reasons.push_back(std::move(callee.reason));
}

}  // namespace coroscope::bounds
