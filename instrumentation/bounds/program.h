// How deep the stack gets under a function: frames of functions (frame.h) put together along the calls between them.
//
//     depth(f) = max( its own frame, for each call: depth of the stack there + 8 + depth(callee) )       a tail call adds nothing
//
// A binary is taken with the libraries it is linked to, where they can be opened: a call through the procedure linkage table goes to whom the
// loader would find, or to whom it found in a process (bind_to). Functions that call each other in a circle have no bound. A function is *proven*
// when it and all it can reach are free of doubts; then its depth is a bound, under the assumptions that assumptions_under() lists. Else every
// reason is told with the calls that lead there, and there is no number: the deepest that is known of an unproven function may lie below the
// truth.
//
// Thread: one at a time. Blocks: reads files; functions when they are first asked about, once. Tested in tests/unit/bounds.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "instrumentation/bounds/binary.h"
#include "instrumentation/bounds/contracts.h"
#include "instrumentation/bounds/frame.h"
#include "instrumentation/bounds/narrowing.h"

namespace coroscope::bounds {

using NodeId = std::uint32_t;  // a function of one of the binaries

// What is taken to be so because somebody said it, beyond what every bound rests on.
struct Wishes {
    bool libraries = true;  // with those that the binary is linked to
    bool warm_malloc = false;  // each thread that runs coroutines has allocated before, and memory does not run out
    bool no_throw = false;  // no exception is thrown: paths that end in a throw are not taken
    bool any_callee = false;  // a call through a pointer may reach anybody: nothing is narrowed (narrowing.h)
};

enum class ReasonKind : std::uint8_t {
    kDoubt,          // of the function's own code: `doubt` says which
    kRecursion,      // it can call itself
    kOtherLibrary,   // calls a function that is in none of the binaries that could be opened
    kThrow,          // throws, or passes an exception on
    kChosenAtStart,  // calls what the loader chooses when the program starts (IFUNC)
    kGrows,          // growable code that goes on with another segment, and what room it asks for is not known
    kNoFunction,     // calls an address at which no function is known
    kSanitizer,      // calls the runtime of a program built with a sanitizer, whose switches take more
};

struct Reason {
    ReasonKind kind = ReasonKind::kDoubt;
    DoubtKind doubt = DoubtKind::kNoCode;
    std::uint64_t address = 0;  // the instruction, in the function's binary
    std::string callee;         // its symbol, where it has one
};

// What is known of the stack under one function.
struct Bound {
    bool proven = false;
    std::uint32_t depth = 0;       // proven: bytes below its return address at most
    std::uint32_t own_depth = 0;   // of its frame alone; a bound only if the function has no doubt of its own
    std::uint32_t calls_deep = 0;  // proven: calls on the deepest path
    bool recursive = false;
};

// A call that enters the runtime, from where a coroutine may go on another time (runtime_calls.h).
struct RuntimeCall {
    NodeId in = 0;
    std::uint64_t address = 0;  // the instruction
    std::string wanted;         // "send", "sleep"; "call" = unknown
    bool repeats = false;       // it stands in a loop
};

// A reason, and the calls that lead there: `path` begins with the function asked about and ends with the one that has the reason.
struct Finding {
    Reason reason;
    std::vector<NodeId> path;
};

class Program {
public:
    // Errors: kUnreadable, kCorrupt, of the binary itself.
    static base::Result<std::unique_ptr<Program>> open(const std::string& path, const Wishes& wishes = {});
    ~Program();

    // From now on calls go where the words that they go through lead in a process that runs the binary: the loader has chosen there. Before the
    // first question. Errors: kGone, kRefused; kUnreadable, where it runs another program or another build of it.
    base::Status bind_to(std::uint32_t pid);

    Binary& binary() { return *binaries_.front()->binary; }
    // Libraries that it needs and that could not be opened, and those that were.
    const std::vector<std::string>& missing() const { return missing_; }
    std::vector<std::string> opened() const;

    // By the symbol, by the readable name, with or without its parameters; of the binary first asked for. All that fit.
    std::vector<NodeId> functions_named(std::string_view name);
    std::optional<NodeId> function_at(std::uint64_t address) const;
    std::size_t functions_count() const {
        return binary_functions_count_;
    }  // of the binary itself: nodes 0 .. count - 1

    const Bound& bound(NodeId node);
    // Bytes of its frame alone, where its own code leaves no doubt.
    std::optional<std::uint32_t> own_frame(NodeId node);
    // Of an unproven function: every reason, those with the shortest path first.
    std::vector<Finding> findings(NodeId node);
    // Of a proven one: the deepest path, and the contracts it rests on.
    std::vector<NodeId> deepest_path(NodeId node);
    std::vector<const Contract*> contracts_under(NodeId node);
    // Where the first function of a path calls the second, in the binary of the first: of several calls the one with most stack below it.
    std::uint64_t call_between(NodeId from, NodeId to) const;
    // Those of the function and of all it calls as far as that is known. *complete: there can be no others.
    std::vector<RuntimeCall> runtime_calls_under(NodeId node, bool* complete);
    // Whom calls through pointers were taken to reach, in sentences.
    std::vector<std::string> narrowings_under(NodeId node);
    // What its bound rests on, in sentences: what every bound does, and what was met under it.
    std::vector<std::string> assumptions_under(NodeId node);

    std::string name(NodeId node) const;  // readable
    const Function& function(NodeId node) const;
    const std::string& path_of(NodeId node) const;  // of its binary
    // "calls through a pointer": what follows the name of the function that has the reason. `callee`: how the reason's is named in it.
    static std::string sentence(const Reason& reason, std::string callee);

private:
    struct Opened {
        std::uint32_t number = 0;  // in binaries_
        std::unique_ptr<Binary> binary;
        std::unique_ptr<FrameReader> reader;
        NodeId first = 0;
        bool c_library = false;
        std::vector<std::uint32_t> fatal;  // of the C library: functions that say why the program ends
        std::map<std::uint32_t, std::optional<std::vector<std::uint32_t>>>
            choices;  // of IFUNCs, by the function that chooses
        std::unordered_map<std::uint64_t, NodeId> bound;  // by the word: whom a process calls through it
    };
    struct Edge {
        NodeId to = 0;
        std::uint32_t depth = 0;  // on the stack when the callee begins
        std::uint64_t from = 0;
    };
    struct Node {
        std::vector<Edge> edges;
        std::vector<Reason> reasons;
        std::vector<const Contract*> contracts;
        std::vector<std::uint32_t> narrowings;  // places in narrowings_
        std::vector<RuntimeCall> runtime_calls;
        Bound bound;
        std::uint32_t checked_bytes = 0;   // Frame's
        std::uint32_t frame_depth = 0;     // of its own code, without what contracts say of callees
        NodeId deepest = 0;                // the callee on the deepest path; its own id: none
        std::uint32_t order = 0, low = 0;  // Tarjan's
        bool on_stack = false;
        bool returns = false, ends = false;  // ends: the program, whatever it does before
        std::uint16_t clobbers = kScratchRegisters;
        enum class Read : std::uint8_t { kNo, kNow, kYes } read = Read::kNo;
    };
    // Whom a call reaches; several where the program chooses among them when it starts.
    struct Callee {
        std::vector<NodeId> nodes;
        const Contract* contract = nullptr;
        Reason reason;  // where it is neither
    };

    Program() = default;
    base::Status add(const std::string& path);
    void add_libraries();
    Opened& opened_of(NodeId node) const;
    Callee callee_of(Opened& in, const Call& call);
    std::uint32_t narrow(const Opened& in, const CodeView& code, std::size_t step, DoubtKind* why);
    void take_narrowed(Node& node, const Call& call);
    static void take_growth(Node& node, const Call& call, Callee& callee);
    const Contract* contract_for(std::string_view symbol) const;
    Callee callee_named(std::string_view name, bool sanitized, const Call& call);
    void choose(Opened& in, std::uint32_t resolver, Callee& callee);
    std::uint64_t stub_slot(Binary& binary, std::uint64_t address);
    bool take_bound(const Opened& in, std::uint64_t slot, Callee& callee) const;
    CallEnd end_of(Opened& in, const Call& call);
    bool ends_program(NodeId node) const;
    bool is_fatal(NodeId node) const;
    const Node& read(NodeId node);
    void take_call(Opened& in, Node& node, const Call& call);
    void note_runtime_call(Opened& in, NodeId id, const Call& call);
    void measure(NodeId root);
    void finish_component(const std::vector<NodeId>& members);

    std::vector<std::unique_ptr<Opened>> binaries_;
    std::vector<std::string> missing_;
    std::uint32_t pid_ = 0;  // of the process that it is bound to; 0 = none
    Wishes wishes_;
    std::vector<Node> nodes_;
    std::size_t binary_functions_count_ = 0;
    std::uint32_t next_order_ = 1;
    std::vector<NodeId> tarjan_stack_;
    int reading_depth_ = 0;
    Decoder stub_decoder_;
    std::unique_ptr<Narrower> narrower_;  // made for the first call through a pointer
    std::vector<Narrowing> narrowings_;
};

}  // namespace coroscope::bounds
