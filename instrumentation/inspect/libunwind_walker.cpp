// libunwind's accessors over a stack copy and ELF files.
#include "instrumentation/inspect/libunwind_walker.h"

#include <libunwind.h>

#include <cstring>

#include "instrumentation/inspect/target.h"

// Exported by libunwind-x86_64 for debuggers, but declared in no installed header.
extern "C" int UNW_OBJ(dwarf_search_unwind_table)(unw_addr_space_t, unw_word_t, unw_dyn_info_t*,
                                                  unw_proc_info_t*, int, void*);

namespace coroscope::inspect {

struct LibunwindWalker::Impl {
    Impl(ModuleSet& module_set, const Target* memory) : modules(module_set), target(memory) {}

    ModuleSet& modules;
    const Target* target;
    unw_addr_space_t space = nullptr;
    // Of the walk in progress.
    const CopiedStack* stack = nullptr;
    UnwindStart start;

    bool word(std::uint64_t address, std::uint64_t* to) {
        if (stack->word(address, to)) return true;
        if (modules.read(address, to, sizeof *to) == sizeof *to) return true;
        if (target != nullptr && target->read_memory(address, to, sizeof *to) == sizeof *to) return true;
        // A word of a module's data that nobody can read any more: libunwind looks up the personality routine
        // there, which plays no part in where the caller is.
        *to = 0;
        return modules.find(address) != nullptr;
    }
    bool table_of(const ModuleSet::Entry& entry, unw_dyn_info_t* table);
};

// .eh_frame_hdr: version 1, then the encodings that binutils and lld always use (a search table of pairs of
// 4-byte offsets relative to the header); anything else has no table to search.
bool LibunwindWalker::Impl::table_of(const ModuleSet::Entry& entry, unw_dyn_info_t* table) {
    constexpr std::uint8_t kExpected[4] = {0x01, 0x1b, 0x03, 0x3b};
    constexpr std::uint64_t kTableOffset = 12;
    const std::uint64_t header = entry.file->unwind_header_address();
    const std::uint64_t bytes = entry.file->unwind_header_bytes();
    std::uint8_t encodings[4];
    std::uint32_t count = 0;
    if (bytes < kTableOffset || entry.file->read(header, encodings, sizeof encodings) != sizeof encodings ||
        std::memcmp(encodings, kExpected, sizeof encodings) != 0 ||
        entry.file->read(header + 8, &count, sizeof count) != sizeof count ||
        count > (bytes - kTableOffset) / 8) {
        return false;
    }
    std::memset(table, 0, sizeof *table);
    table->format = UNW_INFO_FORMAT_REMOTE_TABLE;
    table->start_ip = entry.module.low;
    table->end_ip = entry.module.high;
    table->u.rti.segbase = entry.bias + header;
    table->u.rti.table_data = entry.bias + header + kTableOffset;
    table->u.rti.table_len = std::uint64_t{count} * 8 / sizeof(unw_word_t);
    return true;
}

namespace {

LibunwindWalker::Impl& self(void* argument) {
    return *static_cast<LibunwindWalker::Impl*>(argument);
}

int find_proc_info(unw_addr_space_t space, unw_word_t ip, unw_proc_info_t* info, int need, void* argument) {
    const ModuleSet::Entry* entry = self(argument).modules.find(ip);
    unw_dyn_info_t table;
    if (entry == nullptr || entry->file == nullptr || !self(argument).table_of(*entry, &table))
        return -UNW_ENOINFO;
    return UNW_OBJ(dwarf_search_unwind_table)(space, ip, &table, info, need, argument);
}

// The parser frees what it took itself.
void put_unwind_info(unw_addr_space_t, unw_proc_info_t*, void*) {}

int get_dyn_info_list(unw_addr_space_t, unw_word_t*, void*) {
    return -UNW_ENOINFO;
}

int access_memory(unw_addr_space_t, unw_word_t address, unw_word_t* value, int write, void* argument) {
    std::uint64_t word = 0;
    if (write != 0 || !self(argument).word(address, &word)) return -UNW_EINVAL;
    *value = word;
    return 0;
}

int access_register(unw_addr_space_t, unw_regnum_t number, unw_word_t* value, int write, void* argument) {
    if (write != 0) return -UNW_EREADONLYREG;
    const UnwindStart& start = self(argument).start;
    switch (number) {
        case UNW_X86_64_RIP:
            *value = start.pc;
            return 0;
        case UNW_X86_64_RSP:
            *value = start.registers[kRsp];
            return 0;
        case UNW_X86_64_RBX:
            *value = start.registers[kRbx];
            return 0;
        case UNW_X86_64_RBP:
            *value = start.registers[kRbp];
            return 0;
        case UNW_X86_64_R12:
            *value = start.registers[kR12];
            return 0;
        case UNW_X86_64_R13:
            *value = start.registers[kR13];
            return 0;
        case UNW_X86_64_R14:
            *value = start.registers[kR14];
            return 0;
        case UNW_X86_64_R15:
            *value = start.registers[kR15];
            return 0;
        default:
            return -UNW_EBADREG;
    }
}

int access_float(unw_addr_space_t, unw_regnum_t, unw_fpreg_t*, int, void*) {
    return -UNW_EBADREG;
}

int resume(unw_addr_space_t, unw_cursor_t*, void*) {
    return -UNW_EINVAL;
}

int get_proc_name(unw_addr_space_t, unw_word_t, char*, std::size_t, unw_word_t*, void*) {
    return -UNW_ENOINFO;
}

// One step, or how the walk ends. libunwind guesses by rbp where it finds no rule (and describes such a place as a
// procedure of one byte without any unwind information).
std::optional<UnwindEnd> step_once(unw_cursor_t& cursor, LibunwindWalker::Guesses guesses) {
    if (guesses == LibunwindWalker::Guesses::kRefused) {
        unw_proc_info_t info{};
        if (unw_get_proc_info(&cursor, &info) < 0) return UnwindEnd::kNoRule;
        if (info.unwind_info == nullptr && info.end_ip - info.start_ip <= 1) return UnwindEnd::kNoRule;
    }
    const int step = unw_step(&cursor);
    if (step > 0) return std::nullopt;
    if (step == 0) return UnwindEnd::kEntry;
    return step == -UNW_ENOINFO ? UnwindEnd::kNoRule : UnwindEnd::kBadMemory;
}

}  // namespace

LibunwindWalker::LibunwindWalker(ModuleSet& modules, const Target* target)
    : impl_(std::make_unique<Impl>(modules, target)) {
    unw_accessors_t accessors{};
    accessors.find_proc_info = find_proc_info;
    accessors.put_unwind_info = put_unwind_info;
    accessors.get_dyn_info_list_addr = get_dyn_info_list;
    accessors.access_mem = access_memory;
    accessors.access_reg = access_register;
    accessors.access_fpreg = access_float;
    accessors.resume = resume;
    accessors.get_proc_name = get_proc_name;
    impl_->space = unw_create_addr_space(&accessors, 0);
    CHECK(impl_->space != nullptr);
    unw_set_caching_policy(impl_->space, UNW_CACHE_GLOBAL);
    unw_set_cache_size(impl_->space, 2048, 0);
}

LibunwindWalker::~LibunwindWalker() {
    unw_destroy_addr_space(impl_->space);
}

UnwindEnd LibunwindWalker::walk(const CopiedStack& stack, const UnwindStart& start,
                                std::vector<std::uint64_t>& pcs, Guesses guesses) {
    impl_->stack = &stack;
    impl_->start = start;
    unw_cursor_t cursor;
    if (unw_init_remote(&cursor, impl_->space, impl_.get()) < 0) return UnwindEnd::kNoRule;
    std::uint64_t sp_before = 0;
    for (;;) {
        unw_word_t pc = 0;
        unw_word_t sp = 0;
        unw_get_reg(&cursor, UNW_REG_IP, &pc);
        unw_get_reg(&cursor, UNW_REG_SP, &sp);
        if (pcs.size() == kFramesMax) return UnwindEnd::kTooDeep;
        if (!pcs.empty() && !stack.goes_up(sp_before, sp)) return UnwindEnd::kBadMemory;
        pcs.push_back(pc);
        sp_before = sp;
        if (const auto end = step_once(cursor, guesses)) return end.value();
    }
}

std::optional<UnwindEnd> LibunwindWalker::step(const CopiedStack& stack, UnwindStart& at) {
    impl_->stack = &stack;
    impl_->start = at;
    if (!at.exact) --impl_->start.pc;  // libunwind takes the first frame's for where execution stands
    unw_cursor_t cursor;
    if (unw_init_remote(&cursor, impl_->space, impl_.get()) < 0) return UnwindEnd::kNoRule;
    at.exact = unw_is_signal_frame(&cursor) > 0;
    const std::uint64_t rsp_before = at.registers[kRsp];
    if (const auto end = step_once(cursor, Guesses::kRefused)) return end;
    unw_get_reg(&cursor, UNW_REG_IP, &at.pc);
    constexpr int kNumbers[] = {UNW_X86_64_RBX, UNW_X86_64_RBP, UNW_X86_64_R12, UNW_X86_64_R13,
                                UNW_X86_64_R14, UNW_X86_64_R15, UNW_X86_64_RSP};  // of SavedRegister
    for (std::size_t i = 0; i < kSavedRegistersCount; ++i) {
        if (unw_get_reg(&cursor, kNumbers[i], &at.registers[i]) < 0) return UnwindEnd::kBadMemory;
    }
    if (!stack.goes_up(rsp_before, at.registers[kRsp])) return UnwindEnd::kBadMemory;
    return std::nullopt;
}

}  // namespace coroscope::inspect
