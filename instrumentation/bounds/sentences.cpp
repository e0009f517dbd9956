// What was found, in words.
#include <algorithm>

#include "instrumentation/bounds/program.h"

namespace coroscope::bounds {
namespace {

const char* doubt_text(DoubtKind kind) {
    switch (kind) {
        case DoubtKind::kVariableFrame:
            return "its frame grows by an amount known at run time only (alloca, or an array of variable "
                   "length)";
        case DoubtKind::kIndirectCall:
            return "calls through a pointer";
        case DoubtKind::kOpenCall:
            return "calls through a pointer, and others than these binaries may have whom it calls (it is a "
                   "library, or "
                   "libraries are loaded while it runs, or some could not be opened)";
        case DoubtKind::kIndirectJump:
            return "jumps through a pointer that is no jump table which can be read";
        case DoubtKind::kDisagreement:
            return "its code and its call frame information disagree about the stack";
        case DoubtKind::kNoFrameRows:
            return "has no call frame information";
        case DoubtKind::kFrameNotFollowed:
            return "has call frame information that cannot be held against its code";
        case DoubtKind::kStackSwitched:
            return "sets the stack pointer to what cannot be followed";
        case DoubtKind::kNoCode:
            return "goes on at an address without a function, or at bytes that are no instruction";
        case DoubtKind::kReturnsElsewhere:
            return "returns with something else than its return address on top of the stack";
        case DoubtKind::kTooLarge:
            return "is beyond the limits of this analysis";
    }
    return "";
}

}  // namespace

std::string Program::sentence(const Reason& reason, std::string callee) {
    if (callee.empty()) callee = "a function without a name";
    switch (reason.kind) {
        case ReasonKind::kDoubt:
            return doubt_text(reason.doubt);
        case ReasonKind::kRecursion:
            return "calls " + callee + ", which can come back to it (recursion)";
        case ReasonKind::kOtherLibrary:
            return "calls " + callee +
                   ", which none of the binaries that could be opened has, or several versions of";
        case ReasonKind::kThrow:
            return "throws, or handles what was thrown (" + callee + ")";
        case ReasonKind::kChosenAtStart:
            return "calls " + callee + ", which is chosen when the program starts (IFUNC)";
        case ReasonKind::kGrows:
            return "goes on with another segment of its stack, and how much room it asks for before cannot "
                   "be read (growable code)";
        case ReasonKind::kNoFunction:
            return "calls an address at which no function is known";
        case ReasonKind::kSanitizer:
            return "calls " + callee + " of a program built with a sanitizer, whose calls take more";
    }
    return "";
}

std::string Program::name(NodeId node) const {
    return readable(function(node).name);
}

const std::string& Program::path_of(NodeId node) const {
    return opened_of(node).binary->path();
}

std::vector<NodeId> Program::functions_named(std::string_view wanted) {
    std::vector<NodeId> found;
    const Binary& in = *binaries_.front()->binary;
    if (const auto exact = in.function_named(wanted)) return {*exact};
    for (std::uint32_t i = 0; i < in.functions().size(); ++i) {
        const std::string full = readable(in.functions()[i].name);
        if (full == wanted || (full.size() > wanted.size() && full[wanted.size()] == '(' &&
                               full.compare(0, wanted.size(), wanted) == 0))
            found.push_back(i);
    }
    return found;
}

std::vector<std::string> Program::assumptions_under(NodeId node) {
    std::vector<std::string> sentences = {
        "functions keep to the calling convention: what they must preserve is preserved, and nobody writes "
        "beyond its objects",
        pid_ == 0
            ? "calls into libraries are bound when the program starts (the runtime sees to that), and to the "
              "libraries named here"
            : "calls into libraries go where they go in process " + std::to_string(pid_),
        "signal handlers run on stacks of their own",
        "a coroutine calls the runtime on a worker",
    };
    for (std::string& narrowing : narrowings_under(node))
        sentences.push_back(std::move(narrowing) + " (--assume any-callee takes nobody's word for it)");
    const auto name_those = [&](Contract::Kind kind, const std::string& beginning, const std::string& end) {
        std::string names;
        for (const Contract* contract : contracts_under(node)) {
            if (contract->kind == kind) names += (names.empty() ? "" : ", ") + readable(contract->name);
        }
        if (!names.empty()) sentences.push_back(beginning + " (" + names + ")" + end);
    };
    name_those(Contract::Kind::kEnds, "what the program takes while it ends", " is not counted");
    name_those(Contract::Kind::kGrows,
               "growable code has the room that it asks for, and stays on its segment", "");
    name_those(Contract::Kind::kEarlier, "what is done once was done before the first coroutine began", "");
    name_those(Contract::Kind::kWarm,
               "each thread that runs coroutines has allocated before, and memory does not run out",
               ": chosen with --assume warm-malloc");
    name_those(Contract::Kind::kThrows, "no exception is thrown",
               ": chosen with --assume no-throw; what a throw and its catch take is not counted");
    return sentences;
}

}  // namespace coroscope::bounds
