// Walking out of the code that the kernel maps into every process, live and of a trace.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "instrumentation/inspect/cfi_rows.h"
#include "instrumentation/inspect/libunwind_walker.h"
#include "instrumentation/inspect/module_set.h"
#include "instrumentation/inspect/symbols.h"
#include "tests/unit/inspect/fake_target.h"

extern "C" void _start();  // the program's first function: nobody called it, and its rules say so

namespace coroscope::inspect {
namespace {

using fake::FakeTarget;

// Nobody parks in the vdso, but who runs may be stopped there.
TEST(Vdso, frames_in_the_vdso_are_walked_and_named) {
    const FakeTarget fake({"--coroutines", "51"});
    const auto mine = read_modules(static_cast<std::uint32_t>(getpid()));
    const auto others = read_modules(fake.pid());
    ASSERT_TRUE(mine.ok() && others.ok());
    const auto vdso_of = [](const std::vector<Module>& modules) {
        return std::find_if(modules.begin(), modules.end(),
                            [](const Module& m) { return m.path == "[vdso]"; });
    };
    ASSERT_NE(vdso_of(*mine), mine->end());
    ASSERT_NE(vdso_of(*others), others->end());
    EXPECT_EQ(vdso_of(*mine)->build_id, vdso_of(*others)->build_id);
    EXPECT_FALSE(vdso_of(*others)->build_id.empty());

    void* handle = dlopen("linux-vdso.so.1", RTLD_LAZY | RTLD_NOLOAD);
    ASSERT_NE(handle, nullptr);
    const auto inside = reinterpret_cast<std::uint64_t>(dlsym(handle, "__vdso_clock_gettime"));
    ASSERT_NE(inside, 0U);
    // As when a program has just been stopped at that function's first instruction: all that lies on the stack is the way back.
    const std::uint64_t words[] = {reinterpret_cast<std::uint64_t>(&_start) + 2, 0};
    constexpr std::uint64_t kRspThere = 0x7fff1000;
    const CopiedStack stack({kRspThere, reinterpret_cast<const std::uint8_t*>(words), sizeof words}, nullptr,
                            0);
    UnwindStart start;
    start.pc = inside;
    start.exact = true;
    start.registers[kRsp] = kRspThere;
    // Live, and of a trace of this kernel, which keeps the path and build-id alone.
    std::vector<Module> recorded = *mine;
    recorded[static_cast<std::size_t>(vdso_of(*mine) - mine->begin())].image = nullptr;
    for (const std::vector<Module>& modules : {*mine, recorded}) {
        ModuleSet set(modules);
        DwflModules dwfl(set);
        CfiRows rows(dwfl);
        LibunwindWalker libunwind(set, nullptr);
        const std::vector<std::uint64_t> expected = {inside, words[0]};
        std::vector<std::uint64_t> pcs;
        UnwindStart at = start;
        EXPECT_EQ(rows.walk(stack, at, pcs), UnwindEnd::kEntry);
        EXPECT_EQ(pcs, expected);
        pcs.clear();
        EXPECT_EQ(libunwind.walk(stack, start, pcs), UnwindEnd::kEntry);
        EXPECT_EQ(pcs, expected);
        Symbolizer symbols(modules);
        const Frame frame = symbols.frames(inside + 1).back();
        EXPECT_NE(frame.function.find("clock_gettime"), std::string::npos) << frame.function;
        EXPECT_EQ(frame.module, "[vdso]");
    }
    dlclose(handle);
}

}  // namespace
}  // namespace coroscope::inspect
