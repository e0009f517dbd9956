// Channel patterns: what a coroutine may do with channels, derived from the handles it is given, or said.
//
//   cprime::spawn_with("producer", [](const cprime::Sender<int>& out, int items) { ... }, numbers, 100);      // send_only: Micro
//   cprime::spawn_with<cprime::channel_pattern::select>("hub", &serve, messages, arrivals);                     // said: Small
//
//   cprime::PatternPool<cprime::channel_pattern::receive_only, 16> consumers;     // 16 micro slots; a sending coroutine does not compile
//   consumers.spawn("consumer", [](const cprime::Receiver<int>& in) { ... }, inbox);
//
// The function captures nothing: what it uses is handed to it, so that its pattern is in its type. Its arguments are copied, or moved, to the new
// coroutine's stack as a closure's captures are. Handed a handle beyond its pattern it does not compile.
//
//   pattern            handles that it may be given                    stack, where nothing else is said
//   none               none                                            Micro
//   send_only          Sender, Broadcast                               Micro: a loop of send() takes 70 to 120 bytes
//   receive_only       Receiver, Subscriber                            Micro: the same
//   send_and_receive   all: both of these, Channel, Caller, Server     Small: a server's loop takes 180 bytes
//   select             all; never derived, only said                   Small: an arm takes about 40 bytes, and a select has up to 32
//
// What the class is based on is measured by tests/unit/runtime/channel_pattern_test.cpp; a body that also prints, allocates or throws
// wants more and says so (`.size_class`). In code compiled without optimisation each is one class larger. The pattern of a site
// is kept with it: `coroscope stat` shows it.
//
// Thread: as spawn(). Tested in tests/unit/runtime/channel_pattern_test.cpp; what must not compile in tests/build/must_not_compile.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "cprime/broadcast.h"
#include "cprime/call_channel.h"
#include "cprime/channel.h"
#include "cprime/micro_pool.h"
#include "cprime/spawn.h"

namespace cprime {

// = wire::ChannelPattern
enum class channel_pattern : std::uint8_t { none = 1, send_only, receive_only, send_and_receive, select };

namespace detail {

inline constexpr std::uint32_t kMayBoth = kMaySend | kMayReceive;

// What a value lets its owner do with channels.
template <typename T>
inline constexpr std::uint32_t channel_rights = 0;
template <typename T>
inline constexpr std::uint32_t channel_rights<Sender<T>> = kMaySend;
template <typename T>
inline constexpr std::uint32_t channel_rights<Receiver<T>> = kMayReceive;
template <typename T>
inline constexpr std::uint32_t channel_rights<Channel<T>> = kMayBoth;
template <typename T>
inline constexpr std::uint32_t channel_rights<Broadcast<T>> = kMaySend;
template <typename T>
inline constexpr std::uint32_t channel_rights<Subscriber<T>> = kMayReceive;
template <typename Request, typename Response>
inline constexpr std::uint32_t channel_rights<Caller<Request, Response>> = kMayBoth;
template <typename Request, typename Response>
inline constexpr std::uint32_t channel_rights<Server<Request, Response>> = kMayBoth;
// Through a pointer or a reference it is no less.
template <typename T>
inline constexpr std::uint32_t channel_rights<T*> = channel_rights<std::remove_cv_t<T>>;
template <typename T>
inline constexpr std::uint32_t channel_rights<std::reference_wrapper<T>> = channel_rights<std::remove_cv_t<T>>;

constexpr std::uint32_t rights_of(channel_pattern pattern) noexcept {
    switch (pattern) {
        case channel_pattern::none:
            return 0;
        case channel_pattern::send_only:
            return kMaySend;
        case channel_pattern::receive_only:
            return kMayReceive;
        case channel_pattern::send_and_receive:
        case channel_pattern::select:
            break;
    }
    return kMayBoth;
}

template <typename F>
inline constexpr bool kCapturesNothing = std::is_empty_v<F> || (std::is_pointer_v<F> &&
                                                                std::is_function_v<std::remove_pointer_t<F>>);

template <channel_pattern kPattern, typename F, typename... Arguments>
constexpr void check_pattern() noexcept {
    static_assert(
        kCapturesNothing<F>,
        "what a coroutine with a channel pattern uses is handed to it: its function captures nothing");
    static_assert(((channel_rights<Arguments> & ~rights_of(kPattern)) | ... | 0U) == 0,
                  "this coroutine is handed a channel handle beyond its pattern");
    static_assert(std::is_invocable_v<F&, Arguments&...>, "the function does not take what it is handed");
}

// The function and what it is handed.
template <typename F, typename... Arguments>
struct HandedOver {
    [[no_unique_address]] F function;
    std::tuple<Arguments...> arguments;
    [[gnu::always_inline]] decltype(auto) operator()() { return std::apply(function, arguments); }
};

struct PatternRequest {
    std::string_view name;
    Place place;
    std::uint8_t pattern;
};
// Keeps the pattern with the site of a spawn that was made.
ResumePoint note_pattern(Worker* worker, std::uint32_t coroutine, void* request) noexcept;

// Out of line: of a spawner's stack it should not take more than the spawn does.
[[gnu::noinline]] inline void note_pattern_at(std::string_view name, const Place& place,
                                              channel_pattern pattern) noexcept {
    PatternRequest request{name, place, static_cast<std::uint8_t>(pattern)};
    park<&note_pattern>(&request);
}

}  // namespace detail

// The pattern that follows from these handles; other types count as none. Never select.
template <typename... Handles>
constexpr channel_pattern pattern_of() noexcept {
    switch ((detail::channel_rights<std::decay_t<Handles>> | ... | 0U)) {
        case 0:
            return channel_pattern::none;
        case detail::kMaySend:
            return channel_pattern::send_only;
        case detail::kMayReceive:
            return channel_pattern::receive_only;
        default:
            return channel_pattern::send_and_receive;
    }
}

// The class of stack that coroutines of a pattern get where nothing else is said.
constexpr size_class class_of_pattern(channel_pattern pattern, bool unoptimised) noexcept {
    const bool small = pattern >= channel_pattern::send_and_receive;
    if (unoptimised) return small ? size_class::medium : size_class::small;
    return small ? size_class::small : size_class::micro;
}

// What is said of such a spawn, and where it stands: a name, or SpawnOptions{...}.
struct SpawnSite {
    SpawnSite(const char* name, Place at = CPRIME_HERE) noexcept : options{.name = name}, place(at) {}
    SpawnSite(std::string_view name, Place at = CPRIME_HERE) noexcept : options{.name = name}, place(at) {}
    SpawnSite(const SpawnOptions& said, Place at = CPRIME_HERE) noexcept : options(said), place(at) {}
    SpawnOptions options;
    Place place;
};

// Makes a coroutine that runs function(arguments...) once, with that pattern.
template <channel_pattern kPattern, typename F, typename... Arguments>
auto spawn_with(SpawnSite site, F&& function, Arguments&&... arguments) {
    using Body = detail::HandedOver<std::decay_t<F>, std::decay_t<Arguments>...>;
    detail::check_pattern<kPattern, std::decay_t<F>, std::decay_t<Arguments>...>();
    if (site.options.size_class == size_class::unspecified && site.options.stack_bytes == 0)
        site.options.size_class = class_of_pattern(kPattern, site.place.unoptimised != 0);
    auto handle = spawn(site.options,
                        Body{std::forward<F>(function), {std::forward<Arguments>(arguments)...}}, site.place);
    detail::note_pattern_at(site.options.name, site.place, kPattern);
    return handle;
}
// The same with the pattern that follows from the arguments.
template <typename F, typename... Arguments>
auto spawn_with(SpawnSite site, F&& function, Arguments&&... arguments) {
    return spawn_with<pattern_of<Arguments...>()>(site, std::forward<F>(function),
                                                  std::forward<Arguments>(arguments)...);
}

// A MicroPool whose coroutines keep to a pattern: none, send_only or receive_only.
template <channel_pattern kPattern, std::size_t N>
class PatternPool {
    static_assert(
        class_of_pattern(kPattern, false) == size_class::micro,
        "coroutines of this pattern take more than a micro slot; spawn_with() gives them a small one");

public:
    static constexpr channel_pattern pattern() noexcept { return kPattern; }
    static constexpr std::size_t slots() noexcept { return N; }

    // Throws MicroPoolFull.
    template <typename F, typename... Arguments>
    auto spawn(SpawnSite site, F&& function, Arguments&&... arguments) {
        using Body = detail::HandedOver<std::decay_t<F>, std::decay_t<Arguments>...>;
        detail::check_pattern<kPattern, std::decay_t<F>, std::decay_t<Arguments>...>();
        auto handle = pool_.spawn(site.options.name,
                                  Body{std::forward<F>(function), {std::forward<Arguments>(arguments)...}},
                                  site.place);
        detail::note_pattern_at(site.options.name, site.place, kPattern);
        return handle;
    }

private:
    MicroPool<N> pool_;
};

}  // namespace cprime
