// Nursery: coroutines that do not outlive the block in which they were made.
//
//   {
//       cprime::Nursery nursery("requests");
//       for (auto& request : requests)
//           nursery.spawn("request", [&request] { answer(request); }).detach();
//       if (!nursery.wait()) return;      // somebody asked us to end: the destructor ends them, too
//   }                                     // nobody is left who could touch `requests`
//
// wait() lets them finish. The destructor asks whoever is left to end, and waits until all have returned and destroyed what they had captured:
// so they may capture what stands before the nursery by reference. It waits also when the caller itself was cancelled, and while an exception
// unwinds it. A coroutine of the nursery must not destroy it: it would wait for itself for ever.
//
// What they return, and throw, is their JoinHandles', as always; who is not interested drops them.
//
// Thread: spawn and cancel: any, several at once. wait and the destructor: its owner, a coroutine or a thread, which blocks. Tested in
// tests/unit/runtime/nursery_test.cpp.
#pragma once

#include <string_view>
#include <type_traits>
#include <utility>

#include "cprime/cancel_token.h"
#include "cprime/this_coroutine.h"

namespace cprime {

namespace detail {

// Counts in a nursery from the spawn to the end of the closure.
class NurseryPlace {
public:
    explicit NurseryPlace(Waitable* nursery) noexcept : nursery_(nursery) { park<&nursery_enter>(nursery); }
    NurseryPlace(NurseryPlace&& other) noexcept : nursery_(std::exchange(other.nursery_, nullptr)) {}
    NurseryPlace& operator=(NurseryPlace&&) = delete;
    [[gnu::always_inline]] ~NurseryPlace() {
        if (nursery_ != nullptr) park<&nursery_leave>(nursery_);
    }

private:
    Waitable* nursery_;
};

template <typename F>
struct InNursery {
    NurseryPlace place;  // goes last of all
    UnderToken<F> body;
    decltype(auto) operator()() { return body(); }
};

}  // namespace detail

template <typename F>
inline constexpr coro_metadata metadata_of<detail::InNursery<F>> = metadata_of<F>;

class Nursery : private detail::Waitable {
public:
    // `name`: how Coroscope shows it; the text must live as long as the nursery. Ends the program with a sentence when no Runtime lives.
    explicit Nursery(std::string_view name = {}, const Place& where = CPRIME_HERE) noexcept
        : Waitable(detail::WaitableKind::nursery, name, where), source_(name, where) {}
    // One whose coroutines are cancelled with the parent as well.
    explicit Nursery(const CancelToken& parent, std::string_view name = {},
                     const Place& where = CPRIME_HERE) noexcept
        : Waitable(detail::WaitableKind::nursery, name, where), source_(parent, name, where) {}
    ~Nursery() {
        source_.cancel();
        while (true) {
            detail::WaitRequest request;
            request.object = this;
            detail::park<&detail::nursery_wait_firmly>(&request);
            if (request.state.status == Status::ok) return;
            static_cast<void>(yield());  // a thread, while the Runtime ends
        }
    }

    template <typename F>
    JoinHandle<std::invoke_result_t<std::decay_t<F>&>> spawn(const SpawnOptions& options, F&& function,
                                                             Place place = CPRIME_HERE) {
        using Function = std::decay_t<F>;
        return ::cprime::spawn(options,
                               detail::InNursery<Function>{detail::NurseryPlace(this),
                                                           {detail::CancelMember(CancelRef(source_).core()),
                                                            std::forward<F>(function)}},
                               place);
    }
    template <typename F>
    auto spawn(std::string_view name, F&& function, Place place = CPRIME_HERE) {
        return spawn(SpawnOptions{.name = name}, std::forward<F>(function), place);
    }

    // Waits until all who were spawned have ended. ok or cancelled.
    [[nodiscard]] Result<void> wait() noexcept {
        detail::WaitRequest request;
        request.object = this;
        detail::park<&detail::nursery_wait>(&request);
        return request.state.status;
    }
    // Asks all of them to end, and all that are spawned from now on. Does not wait.
    void cancel() noexcept { source_.cancel(); }
    CancelToken token() const noexcept { return source_.token(); }

private:
    CancelSource source_;
};

}  // namespace cprime
