// coro_metadata: what is known of a function before it ever runs, told to the compiler where the function stands.
//
//   void relay(); ...
//   CPRIME_CORO(relay, .max_stack = 700, .bounded = true)                    // spawn("relay", relay): Small
//
//   struct Parser { Tree operator()(); };
//   CPRIME_CORO_TYPE(Parser, .max_stack = 500, .recursive = true)            // spawn("parser", Parser{}): Large
//
//   spawn("pump", with_metadata<coro_metadata{.max_stack = 60, .bounded = true}>([in, out] { ... }));
//
// A spawn that wishes no class, and gives no stack_bytes, gets what follows from it:
//   size_class said               that class
//   bounded, no foreign calls     the smallest class that holds max_stack, the closure and the runtime's 160 bytes beside it
//   recursive without a bound     Large
//   else                          Medium, or Large where max_stack asks for it
// A bound that the spawn's wish cannot hold wins over the wish. Contradictions do not compile.
//
// Both macros stand at global scope, once a function or type, before its first spawn; the name is qualified where it must be. A plain
// function is known by its address, looked up at each spawn of a function pointer; types cost nothing at run time. What a lambda
// calls is not looked at: say it for the lambda.
//
// Thread: constants. Tested in tests/unit/runtime/metadata_test.cpp.
#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>

#include "cprime/size_class.h"

namespace cprime {

struct coro_metadata {
    std::uint32_t max_stack = 0;  // bytes of its frames and of those it calls; 0 = not known
    bool bounded = false;         // max_stack is never exceeded; else it is what is usual
    bool recursive = false;       // how deep it calls itself depends on data
    bool calls_foreign = false;  // calls code that max_stack does not count: printf, other libraries; takes Medium at least
    ::cprime::size_class size_class = ::cprime::size_class::unspecified;  // the class it is written for
};

namespace detail {

enum class MetadataProblem : std::uint8_t {
    kNone,
    kBoundOfNothing,
    kBeyondLarge,
    kBeyondItsClass,
    kForeignInSmall
};

constexpr MetadataProblem problem_of(const coro_metadata& said) noexcept {
    const bool has_class = said.size_class != size_class::unspecified;
    if (said.bounded && said.max_stack == 0) return MetadataProblem::kBoundOfNothing;
    if (said.max_stack > class_holds_bytes(size_class::large)) return MetadataProblem::kBeyondLarge;
    if (has_class && said.bounded && said.max_stack > class_holds_bytes(said.size_class))
        return MetadataProblem::kBeyondItsClass;
    if (has_class && said.calls_foreign && said.size_class < size_class::medium)
        return MetadataProblem::kForeignInSmall;
    return MetadataProblem::kNone;
}

constexpr bool says_anything(const coro_metadata& said) noexcept {
    return said.max_stack != 0 || said.recursive || said.calls_foreign ||
           said.size_class != size_class::unspecified;
}

// Remembers it for spawns of that address, for good. True. Before main, or while a library is loaded.
bool declare_function(const void* function, const coro_metadata& said);
// What was declared of the function; null: nothing. Any thread, coroutines included.
const coro_metadata* declared_metadata(const void* function) noexcept;

// Specialised by CPRIME_CORO, so that each declaration registers once a program.
template <auto Function>
inline const bool function_declared = false;

}  // namespace detail

// What was said of a function (CPRIME_CORO) and of a function object's type (CPRIME_CORO_TYPE, with_metadata).
template <auto Function>
inline constexpr coro_metadata metadata_of_function = {};
template <typename F>
inline constexpr coro_metadata metadata_of = {};

// A function object that carries what is said of it.
template <coro_metadata Said, typename F>
struct WithMetadata {
    F function;
    template <typename... Arguments>
    [[gnu::always_inline]] decltype(auto) operator()(Arguments&&... arguments) {
        return function(std::forward<Arguments>(arguments)...);
    }
    template <typename... Arguments>
    [[gnu::always_inline]] decltype(auto) operator()(Arguments&&... arguments) const {
        return function(std::forward<Arguments>(arguments)...);
    }
};
template <coro_metadata Said, typename F>
inline constexpr coro_metadata metadata_of<WithMetadata<Said, F>> = Said;

#define CPRIME_CHECK_METADATA(...)                                                                        \
    static_assert(                                                                                        \
        ::cprime::detail::problem_of(__VA_ARGS__) != ::cprime::detail::MetadataProblem::kBoundOfNothing,  \
        "coro_metadata says that the stack is bounded, but not by what: give max_stack in bytes");        \
    static_assert(                                                                                        \
        ::cprime::detail::problem_of(__VA_ARGS__) != ::cprime::detail::MetadataProblem::kBeyondLarge,     \
        "coro_metadata asks for more stack than size_class::large holds: make max_stack smaller");        \
    static_assert(                                                                                        \
        ::cprime::detail::problem_of(__VA_ARGS__) != ::cprime::detail::MetadataProblem::kBeyondItsClass,  \
        "coro_metadata has a max_stack that its size_class does not hold: name a larger class, or none"); \
    static_assert(                                                                                        \
        ::cprime::detail::problem_of(__VA_ARGS__) != ::cprime::detail::MetadataProblem::kForeignInSmall,  \
        "coro_metadata says that foreign code is called, which takes size_class::medium at least")

// Wraps a lambda, or any function object, with what is known of its stack.
template <coro_metadata Said, typename F>
constexpr WithMetadata<Said, std::decay_t<F>> with_metadata(F&& function) {
    CPRIME_CHECK_METADATA(Said);
    return {std::forward<F>(function)};
}

}  // namespace cprime

#define CPRIME_CORO(function, ...)                                                                     \
    CPRIME_CHECK_METADATA(::cprime::coro_metadata{__VA_ARGS__});                                       \
    template <>                                                                                        \
    inline constexpr ::cprime::coro_metadata cprime::metadata_of_function<&function> = {__VA_ARGS__};  \
    template <>                                                                                        \
    inline const bool cprime::detail::function_declared<&function> = cprime::detail::declare_function( \
        reinterpret_cast<const void*>(&function), cprime::metadata_of_function<&function>);

#define CPRIME_CORO_TYPE(type, ...)                              \
    CPRIME_CHECK_METADATA(::cprime::coro_metadata{__VA_ARGS__}); \
    template <>                                                  \
    inline constexpr ::cprime::coro_metadata cprime::metadata_of<type> = {__VA_ARGS__};
