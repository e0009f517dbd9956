// Directory: names for what events speak of by record index.
//
// An index names another channel once the first is gone; so what lives is followed from the state at the begin by the events, and what is waited
// for is looked up when the wait begins. Memory: one entry an index that was ever used, not one a channel.
//
// Thread: one at a time. Tested in tests/unit/analyses/trace_walk_test.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "instrumentation/inspect/state_image.h"
#include "traces/analyses/spans.h"

namespace coroscope::analyses {

class Directory {
public:
    // `begin`: the state where the walk begins; `end`: a later one that has the strings and sites of all that came between. `end` must
    // outlive this.
    Directory(const inspect::StateImage& begin, const inspect::StateImage& end);

    void take(const wire::DecodedEvent& event);

    // What `object` of a SUSPEND with this reason is now. A joined coroutine's identity is filled in by whoever knows coroutines.
    Awaited awaited(wire::WaitReason reason, std::uint32_t object) const;
    Awaited channel(std::uint32_t index) const;

    // "channel:words", "mutex:fork", "coroutine:12", "timer"; "" for nothing.
    std::string text(const Awaited& awaited) const;
    // Interned text; "?" when not known.
    std::string string(std::uint32_t string) const;
    // "SIGUSR1", "NetworkDown".
    std::string signal(std::uint32_t index) const;
    // Its own name, else its site's, else "coroutine".
    std::string name(const Life& life) const;
    // "file:line"; "?" when not known.
    std::string site(std::uint32_t site) const;
    // The name that the site gives its coroutines; "" when it gives none.
    std::string site_name(std::uint32_t site) const;
    const inspect::StateImage& end() const { return *end_; }

private:
    struct Named {
        std::uint64_t identity = 0;
        std::uint32_t name = wire::kNone;
        wire::WaitableKind kind = wire::WaitableKind::kFree;
    };
    const inspect::StateImage* end_;
    std::unordered_map<std::uint32_t, Named> channels_, waitables_;
};

}  // namespace coroscope::analyses
