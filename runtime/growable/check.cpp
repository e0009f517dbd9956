// growable-check: is every growable function of a linked binary protected?
//
//   growable-check BINARY OBJECT…
//
// For each OBJECT that was compiled as growable code and linked into BINARY:
//   - it carries .note.GNU-split-stack (an LTO object, or one compiled with other flags, does not);
//   - each of its functions begins, in BINARY, with an exact check of its frame;
//   - a function that calls ordinary code by name asks for COROSCOPE_ORDINARY_CALL_BYTES more and goes to __morestack_non_split:
//     lld and gold see to that, GNU ld does not.
// A function that the linker took from another, ordinary object (of a template in both) counts as ordinary code. Calls through pointers
// ask for those bytes by themselves (exact_checks.h).
//
// Exit code 0: all are protected, one line says how many; 1: one line for each that is not (at most 20), and the way out; 2: a file
// that cannot be read.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "instrumentation/wire/stack_segment_offsets.h"
#include "runtime/growable/elf_image.h"

namespace {

using cprime::growable::Call;
using cprime::growable::ElfImage;
using cprime::growable::Function;

// Functions of the runtime that keep to the room below the limit (the assembly that carries the notes of split stacks).
const std::set<std::string, std::less<>> kProtected = {"cprime_park",
                                                       "cprime_yield",
                                                       "cprime_send",
                                                       "cprime_release_handle",
                                                       "cprime_receive",
                                                       "cprime_spawn_commit",
                                                       "cprime_join_shortly",
                                                       "cprime_send_shortly",
                                                       "cprime_receive_shortly",
                                                       "cprime_enter",
                                                       "cprime_switch",
                                                       "cprime_trampoline",
                                                       "cprime_call_on_bigger_stack",
                                                       "__morestack",
                                                       "__morestack_non_split",
                                                       "__morestack_allocate_stack_space"};

// What a function's prologue says.
struct Prologue {
    std::uint64_t checked_bytes = 0;    // below rsp
    std::uint64_t requested_bytes = 0;  // r10 on the slow path
    std::uint64_t slow_callee = 0;      // address
};

std::int32_t read32(const std::uint8_t* at) {
    std::int32_t value = 0;
    std::memcpy(&value, at, sizeof value);
    return value;
}

// leaq -N(%rsp), %r11; cmpq %fs:112, %r11; jb or jae; ... movl $N, %r10d ... call. Nothing if the bytes at `address` are not that.
std::optional<Prologue> prologue_at(const ElfImage& binary, std::uint64_t address) {
    constexpr std::uint8_t kLea[] = {0x4c, 0x8d, 0x9c, 0x24};
    constexpr std::uint8_t kCompare[] = {0x64, 0x4c, 0x3b, 0x1c, 0x25, 0x70, 0x00, 0x00, 0x00};
    constexpr std::size_t kCheckBytes = sizeof kLea + 4 + sizeof kCompare;
    auto code = binary.code(address, kCheckBytes + 6);
    if (code.size() < kCheckBytes + 6 || std::memcmp(code.data(), kLea, sizeof kLea) != 0 ||
        std::memcmp(code.data() + 8, kCompare, sizeof kCompare) != 0)
        return std::nullopt;
    Prologue found;
    found.checked_bytes = static_cast<std::uint64_t>(-static_cast<std::int64_t>(read32(code.data() + 4)));
    const std::uint8_t* jump = code.data() + kCheckBytes;
    const std::uint64_t after = address + kCheckBytes;
    std::uint64_t slow = 0;
    if (jump[0] == 0x72) {
        slow = after + 2 + static_cast<std::uint64_t>(static_cast<std::int8_t>(jump[1]));
    } else if (jump[0] == 0x0f && jump[1] == 0x82) {
        slow = after + 6 + static_cast<std::uint64_t>(static_cast<std::int64_t>(read32(jump + 2)));
    } else if (jump[0] == 0x73) {
        slow = after + 2;
    } else if (jump[0] == 0x0f && jump[1] == 0x83) {
        slow = after + 6;
    } else {
        return std::nullopt;
    }
    // The slow path: moves of immediates, with a register exchanged for another in functions that have a static chain, then the call.
    const auto path = binary.code(slow, 64);
    for (std::size_t i = 0; i + 5 <= path.size();) {
        if (path[i] == 0xe8) {
            found.slow_callee = slow + i + 5 +
                                static_cast<std::uint64_t>(static_cast<std::int64_t>(read32(&path[i + 1])));
            return found;
        }
        if (path[i] == 0x41 && (path[i + 1] == 0xba || path[i + 1] == 0xbb) && i + 6 <= path.size()) {
            if (path[i + 1] == 0xba) found.requested_bytes = static_cast<std::uint32_t>(read32(&path[i + 2]));
            i += 6;
        } else if (path[i] == 0x45 && path[i + 1] == 0x31) {  // xorl
            i += 3;
        } else if ((path[i] == 0x49 || path[i] == 0x4c) && path[i + 1] == 0x89) {  // movq
            i += 3;
        } else {
            return std::nullopt;
        }
    }
    return std::nullopt;
}

// Adjusting thunks of virtual calls jump to the function's own prologue and push nothing.
bool is_thunk(const std::string& name) {
    return name.starts_with("_ZTh") || name.starts_with("_ZTv") || name.starts_with("_ZTc");
}

class Check {
public:
    Check(const ElfImage& binary, std::string path) : binary_(binary), path_(std::move(path)) {
        for (const Function& function : binary.functions()) {
            if (function.local) {
                locals_[{function.file, function.name}].push_back({function.address, function.bytes});
            } else {
                globals_.emplace(function.name, std::pair(function.address, function.bytes));
            }
            addresses_.emplace(function.address, function.name);
        }
    }

    void object(const std::string& path, const ElfImage& object) {
        if (object.has_section(".gnu.lto_")) {
            complain(
                path +
                " holds code for link-time optimisation, which drops stack checks: compile it with -fno-lto");
            return;
        }
        if (!object.has_section(".note.GNU-split-stack")) {
            complain(path + " was not compiled as growable code: no function in it would grow");
            return;
        }
        const std::vector<Call> calls = object.calls();
        for (const Function& function : object.functions())
            this->function(path, function, calls);
    }

    int report() const {
        if (complaints_.empty()) {
            std::printf("growable-check: %zu functions of %s are protected\n", protected_count_,
                        path_.c_str());
            return 0;
        }
        constexpr std::size_t kShown = 20;
        for (std::size_t i = 0; i < complaints_.size() && i < kShown; ++i)
            std::fprintf(stderr, "growable-check: %s\n", complaints_[i].c_str());
        if (complaints_.size() > kShown)
            std::fprintf(stderr, "growable-check: and %zu more\n", complaints_.size() - kShown);
        return 1;
    }

private:
    void complain(std::string sentence) { complaints_.push_back(std::move(sentence)); }

    // Where the linker put it. Several local ones of that name from files of one name: those that are as long.
    std::vector<std::uint64_t> places(const Function& function) const {
        if (function.local) {
            std::vector<std::uint64_t> places;
            const auto found = locals_.find({function.file, function.name});
            if (found == locals_.end()) return places;
            for (const auto& [address, bytes] : found->second) {
                if (bytes == function.bytes) places.push_back(address);
            }
            return places;
        }
        // A weak one may be that of another object, which is checked with that one.
        const auto found = globals_.find(function.name);
        if (found == globals_.end() || (function.weak && found->second.second != function.bytes)) return {};
        return {found->second.first};
    }

    bool is_protected(const std::string& name) const {
        if (kProtected.contains(name) || is_thunk(name)) return true;
        if (globals_.contains("__wrap_" + name)) return true;
        const auto found = globals_.find(name);
        return found != globals_.end() && prologue_at(binary_, found->second.first).has_value();
    }

    // The first ordinary function that it calls by name; nullptr if there is none.
    const std::string* ordinary_callee(const Function& function, const std::vector<Call>& calls) const {
        for (const Call& call : calls) {
            if (call.section != function.section || call.address < function.address ||
                call.address >= function.address + function.bytes)
                continue;
            const bool own = locals_.contains({function.file, call.callee}) && !globals_.contains(call.callee);
            if (!own && !is_protected(call.callee)) return &call.callee;
        }
        return nullptr;
    }

    void function(const std::string& path, const Function& function, const std::vector<Call>& calls) {
        if (is_thunk(function.name)) return;
        for (const std::uint64_t address : places(function)) {  // none: the linker dropped it
            const auto prologue = prologue_at(binary_, address);
            if (!prologue) {
                if (function.weak) continue;  // an ordinary object's copy was taken
                complain(function.name + " of " + path +
                         " does not check its stack: compile it with the flags of " +
                         "cprime_growable_stacks() alone, without no_split_stack");
                continue;
            }
            const auto callee = addresses_.find(prologue->slow_callee);
            const bool asks_for_more = callee != addresses_.end() &&
                                       callee->second == "__morestack_non_split";
            if (!asks_for_more && (callee == addresses_.end() || callee->second != "__morestack")) {
                complain(function.name + " of " + path +
                         " does not grow by cprime's __morestack: link without -fsplit-stack");
                continue;
            }
            const std::string* ordinary = ordinary_callee(function, calls);
            if (ordinary != nullptr &&
                (!asks_for_more ||
                 prologue->checked_bytes < prologue->requested_bytes + COROSCOPE_ORDINARY_CALL_BYTES)) {
                complain(function.name + " of " + path + " calls " + *ordinary +
                         " without asking for the room that ordinary code needs: link with -fuse-ld=lld or "
                         "gold and " +
                         "-Wl,--split-stack-adjust-size=" + std::to_string(COROSCOPE_ORDINARY_CALL_BYTES));
                continue;
            }
            ++protected_count_;
        }
    }

    const ElfImage& binary_;
    std::string path_;
    std::map<std::pair<std::string, std::string>, std::vector<std::pair<std::uint64_t, std::uint64_t>>>
        locals_;  // by file and name: address and bytes
    std::map<std::string, std::pair<std::uint64_t, std::uint64_t>, std::less<>> globals_;  // address and bytes
    std::map<std::uint64_t, std::string> addresses_;
    std::vector<std::string> complaints_;
    std::size_t protected_count_ = 0;
};

int fail(const std::string& sentence) {
    std::fprintf(stderr, "growable-check: %s\n", sentence.c_str());
    return 2;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) return fail("usage: growable-check BINARY OBJECT...");
    std::string error;
    const auto binary = ElfImage::open(argv[1], &error);
    if (binary == nullptr) return fail(error);
    if (!binary->has_symbols())
        return fail(std::string(argv[1]) + " has no symbol table: check it before it is stripped");
    Check check(*binary, argv[1]);
    for (int i = 2; i < argc; ++i) {
        const auto object = ElfImage::open(argv[i], &error);
        if (object == nullptr) return fail(error);
        check.object(argv[i], *object);
    }
    return check.report();
}
