// Place: a line of source, taken where a call stands. Spawn sites and channels are known by it.
//
//   void go(int job, cprime::Place place = CPRIME_HERE) { cprime::spawn("job", ..., place); }    // the site is the line that calls go()
//
// std::source_location where the library has it, the compiler's builtins elsewhere (clang before 16, whose function names are then short); a
// type of its own, so that both can call the same libcprime.a.
//
// It also says whether the code there was compiled without optimisation, whose frames are larger.
//
// Thread: plain data. The strings live as long as the program.
#pragma once

#include <source_location>

namespace cprime {

struct Place {
    const char* file = "";
    const char* function = "";
    unsigned line = 0;
    unsigned column : 31 = 0;
    unsigned unoptimised : 1 = 0;

    constexpr Place() noexcept = default;
    constexpr Place(const char* in_file, const char* in_function, unsigned on_line, unsigned at_column,
                    bool is_unoptimised = false) noexcept
        : file(in_file),
          function(in_function),
          line(on_line),
          column(at_column & 0x7fffffffU),
          unoptimised(is_unoptimised ? 1U : 0U) {}
#ifdef __cpp_lib_source_location
    constexpr Place(const std::source_location& at, bool is_unoptimised = false) noexcept
        : Place(at.file_name(), at.function_name(), at.line(), at.column(), is_unoptimised) {}
#endif
};

}  // namespace cprime

#ifdef __OPTIMIZE__
#define CPRIME_IS_UNOPTIMISED false
#else
#define CPRIME_IS_UNOPTIMISED true
#endif

// As a default argument: the place of the call.
#ifdef __cpp_lib_source_location
#define CPRIME_HERE ::cprime::Place(std::source_location::current(), CPRIME_IS_UNOPTIMISED)
#else
#define CPRIME_HERE                                                                               \
    ::cprime::Place(__builtin_FILE(), __builtin_FUNCTION(), __builtin_LINE(), __builtin_COLUMN(), \
                    CPRIME_IS_UNOPTIMISED)
#endif
