// Lints about who waits for whom. Rings and who is stuck are those of the wait graph (traces/wait_graph.h), certain ones alone.
#include <algorithm>
#include <charconv>
#include <map>
#include <string_view>
#include <unordered_set>

#include <fmt/format.h>

#include "traces/analyses/lint_rules.h"
#include "traces/awaited.h"
#include "traces/wait_graph.h"

namespace coroscope::analyses {
namespace {

using inspect::ChannelImage;
using inspect::CoroutineImage;
using inspect::StateImage;
using wire::CoroutineState;
using wire::WaitReason;
using Kind = LintEvidence::Kind;

// What the wait graph's sentence begins with, and the rule's name says already.
constexpr std::string_view kVerdict = "deadlock: ";

// The coroutine that a cycle's member names; nullptr for channels and locks.
const CoroutineImage* coroutine_named(const StateImage& state, const std::string& id) {
    std::uint64_t identity = 0;
    const auto end = std::from_chars(id.data(), id.data() + id.size(), identity);
    if (end.ec != std::errc() || end.ptr != id.data() + id.size()) return nullptr;
    return state.coroutine_of(identity);
}

Kind kind_of_object(const std::string& text) {
    return text.starts_with("channel:") ? Kind::kChannel : Kind::kLock;
}

// Without the number that an unnamed object has, which is another in the next run.
std::string nameless(const std::string& object) {
    const std::size_t number = object.find(":#");
    return number == std::string::npos ? object : object.substr(0, number);
}

// A ring of several. What it is about are its objects and sites, which are the same in the next run.
Lint deadlock(const StateImage& state, const traces::WaitCycle& cycle) {
    Lint lint;
    lint.rule = kDeadlock;
    lint.count = 0;
    lint.sentence = cycle.sentence.substr(cycle.sentence.starts_with(kVerdict) ? kVerdict.size() : 0);
    if (lint.sentence.ends_with('.')) lint.sentence.pop_back();
    std::set<std::string> objects;
    for (const std::string& id : cycle.ids) {
        if (const CoroutineImage* coroutine = coroutine_named(state, id)) {
            ++lint.count;
            objects.insert(short_site(state.site_text(coroutine->site)));
            point_at(lint, state, *coroutine);
        } else {
            objects.insert(nameless(id));
            point_at(lint, kind_of_object(id), id);
        }
    }
    for (const std::string& object : objects)
        lint.about += (lint.about.empty() ? "" : ", ") + object;
    return lint;
}

std::string what_it_waits_to_do(const CoroutineImage& coroutine) {
    return coroutine.reason == WaitReason::kChannelSend ? "send to"
           : coroutine.reason == WaitReason::kSelect    ? "select on"
                                                        : "receive from";
}

// Adds a coroutine to the finding about its like: spawned at the same site, waiting for the same.
void add_leaked(const StateImage& state, const CoroutineImage& coroutine, std::map<std::string, Lint>& leaked) {
    const std::string site = state.site_text(coroutine.site), object = traces::awaited_text(state, coroutine);
    const std::string name = nameless(object);
    const auto [at, fresh] = leaked.try_emplace(site + " " + name);
    Lint& lint = at->second;
    lint.rule = kLeakedCoroutine;
    lint.count = fresh ? 1 : lint.count + 1;
    lint.about = short_site(site) + " " + name;
    lint.sentence = lint.count == 1
                        ? fmt::format(
                              "{}, spawned at {}, waits to {} {}, and nobody but itself could end that wait",
                              called(state, coroutine), short_site(site), what_it_waits_to_do(coroutine),
                              object)
                        : fmt::format(
                              "{} coroutines spawned at {} wait to {} a {} each, and nobody but themselves "
                              "could end that wait",
                              lint.count, short_site(site), what_it_waits_to_do(coroutine), name);
    if (fresh) point_at(lint, Kind::kSite, site);
    point_at(lint, state, coroutine);
    if (kind_of_object(object) == Kind::kChannel) point_at(lint, Kind::kChannel, object);
}

// Holders of a lock that are parked for something else, as far as that is known, and how long.
bool is_lock(const inspect::WaitableImage& waitable) {
    return waitable.kind == wire::WaitableKind::kMutex || waitable.kind == wire::WaitableKind::kSharedMutex;
}

// The coroutine that has stood in line for `index` the longest, by what is known of their times; nullptr when nothing is.
const CoroutineImage* longest_waiter(const LintWatch& watch, WaitReason reason, std::uint32_t index,
                                     std::int64_t* ns, std::uint64_t* count) {
    const CoroutineImage* longest = nullptr;
    *ns = 0;
    *count = 0;
    for (const CoroutineImage& coroutine : watch.state().coroutines) {
        if (coroutine.state != CoroutineState::kParked || coroutine.reason != reason ||
            coroutine.wait_object != index)
            continue;
        ++*count;
        if (const std::int64_t still = watch.still_ns(coroutine); still > *ns) {
            *ns = still;
            longest = &coroutine;
        }
    }
    return longest;
}

bool stuck_for_certain(const traces::Waits& waits, const std::string& object) {
    return std::any_of(waits.cycles.begin(), waits.cycles.end(), [&](const traces::WaitCycle& cycle) {
        return cycle.certain && std::find(cycle.ids.begin(), cycle.ids.end(), object) != cycle.ids.end();
    });
}

}  // namespace

void find_deadlocks(const LintWatch& watch, std::vector<Lint>& lints) {
    const StateImage& state = watch.state();
    std::map<std::string, Lint> leaked;
    for (const traces::WaitCycle& cycle : watch.look().waits.cycles) {
        if (!cycle.certain) continue;
        const CoroutineImage* only = nullptr;
        std::size_t coroutines = 0;
        for (const std::string& id : cycle.ids) {
            if (const CoroutineImage* coroutine = coroutine_named(state, id)) {
                ++coroutines;
                only = coroutine;
            }
        }
        if (coroutines == 1 && only->reason != WaitReason::kJoin) {
            add_leaked(state, *only, leaked);
        } else if (coroutines != 0) {
            lints.push_back(deadlock(state, cycle));
        }
    }
    for (auto& [key, lint] : leaked)
        lints.push_back(std::move(lint));
}

void find_orphan_waits(const LintWatch& watch, std::vector<Lint>& lints) {
    const StateImage& state = watch.state();
    std::unordered_set<std::uint64_t> in_ring;
    for (const traces::WaitCycle& cycle : watch.look().waits.cycles) {
        for (const std::string& id : cycle.ids) {
            if (const CoroutineImage* coroutine = coroutine_named(state, id))
                in_ring.insert(coroutine->identity);
        }
    }
    if (in_ring.empty()) return;  // whoever is stuck for certain stands behind somebody in a ring
    const traces::WaitGraph graph(state, watch.look().now.moved);
    std::map<std::string, Lint> behind;
    for (std::size_t id = 0; id < state.coroutines.size(); ++id) {
        const CoroutineImage& coroutine = state.coroutines[id];
        if (graph.stuck()[id] != 2 || in_ring.contains(coroutine.identity)) continue;
        const std::string site = short_site(state.site_text(coroutine.site)),
                          object = traces::awaited_text(state, coroutine);
        const bool joins = coroutine.reason == WaitReason::kJoin;
        const auto [at, fresh] = behind.try_emplace(joins ? "join " + site : object + " " + site);
        Lint& lint = at->second;
        lint.rule = kOrphanWait;
        lint.count = fresh ? 1 : lint.count + 1;
        lint.about = fmt::format("{} {}", site, joins ? "join" : nameless(object));
        const CoroutineImage* joined = joins ? state.coroutine_at(coroutine.wait_object) : nullptr;
        const std::string what = joined != nullptr ? fmt::format("{} to end", called(state, *joined)) : object;
        lint.sentence =
            lint.count == 1
                ? fmt::format(
                      "{}, spawned at {}, waits for {}, and nobody who could let it go on can act any more",
                      called(state, coroutine), site, what)
                : fmt::format(
                      "{} coroutines spawned at {} wait for {}, and nobody who could let them go on can act "
                      "any more",
                      lint.count, site, joins ? "others to end" : object);
        point_at(lint, state, coroutine);
        if (fresh && !joins) point_at(lint, kind_of_object(object), object);
    }
    for (auto& [key, lint] : behind)
        lints.push_back(std::move(lint));
}

// Identities are never reused, so a holder who is not there has ended; but one that began while the look went on is in none of its rows, so it
// must have been gone at the look before, too, with the lock unchanged since.
void find_locks_of_the_ended(const LintWatch& watch, std::vector<Lint>& lints) {
    const StateImage& state = watch.state();
    const LintLook& look = watch.look();
    for (const inspect::WaitableImage& lock : state.waitables) {
        if (!is_lock(lock) || lock.waiting == 0 || lock.owner == 0 || wire::owner_is_thread(lock.owner))
            continue;
        if (lock.consistency != inspect::Consistency::kExact || state.coroutine_of(lock.owner) != nullptr)
            continue;
        if (look.one_instant) {
            if (look.now.events_lost != 0) continue;  // its spawn may be among them
        } else {
            if (look.before == nullptr) continue;
            const inspect::WaitableImage* then = look.before->state.waitable_at(lock.index);
            if (then == nullptr || then->identity != lock.identity || then->operations != lock.operations ||
                look.before->state.coroutine_of(lock.owner) != nullptr)
                continue;
        }
        Lint lint;
        lint.rule = kLockOfTheEnded;
        lint.count = lock.waiting;
        lint.about = nameless(state.waitable_text(lock));
        lint.sentence = fmt::format("{} is still locked by coroutine {}, which has ended, and {} for it",
                                    state.waitable_text(lock), lock.owner,
                                    counted(lock.waiting, "coroutine waits", "coroutines wait"));
        point_at(lint, Kind::kLock, state.waitable_text(lock));
        for (const CoroutineImage& coroutine : state.coroutines) {
            if (coroutine.state == CoroutineState::kParked && wire::waits_for_waitable(coroutine.reason) &&
                coroutine.wait_object == lock.index)
                point_at(lint, state, coroutine);
        }
        lints.push_back(std::move(lint));
    }
}

void find_locks_held_while_parked(const LintWatch& watch, std::vector<Lint>& lints) {
    const StateImage& state = watch.state();
    for (const inspect::WaitableImage& lock : state.waitables) {
        if (!is_lock(lock) || lock.waiting == 0 || lock.consistency != inspect::Consistency::kExact) continue;
        const CoroutineImage* owner = lock.owner == 0 ? nullptr : state.coroutine_of(lock.owner);
        if (owner == nullptr || owner->state != CoroutineState::kParked) continue;
        const std::string name = state.waitable_text(lock);
        if (stuck_for_certain(watch.look().waits, name)) continue;  // is told as a deadlock
        std::int64_t waited_ns = 0;
        std::uint64_t waiting = 0;
        const CoroutineImage* waiter = longest_waiter(watch, wire::reason_of(lock.kind), lock.index,
                                                      &waited_ns, &waiting);
        const std::int64_t parked_ns = watch.still_ns(*owner);
        if (waiter == nullptr || parked_ns < kHeldNs || waited_ns < kHeldNs) continue;
        Lint lint;
        lint.rule = kLockHeldWhileParked;
        lint.count = waiting;
        lint.about = nameless(name);
        const std::string awaited = traces::awaited_text(state, *owner);
        lint.sentence = fmt::format("{} holds {} and has been parked for {} ({}), while {} for the lock",
                                    called(state, *owner), name, brief_ns(parked_ns),
                                    owner->reason == WaitReason::kSleep ? "asleep" : "waits for " + awaited,
                                    counted(waiting, "coroutine waits", "coroutines wait"));
        point_at(lint, state, *owner);
        point_at(lint, Kind::kLock, name);
        point_at(lint, state, *waiter);
        lints.push_back(std::move(lint));
    }
}

// Senders are served in the order of arrival: while the one who came first is still there, nobody has received.
void find_full_channels(const LintWatch& watch, std::vector<Lint>& lints) {
    const StateImage& state = watch.state();
    for (const ChannelImage& channel : state.channels) {
        if (channel.closed || channel.senders_waiting == 0 || channel.length < channel.capacity) continue;
        if (channel.consistency != inspect::Consistency::kExact) continue;
        const std::string name = state.channel_text(channel);
        if (stuck_for_certain(watch.look().waits, name)) continue;
        std::int64_t waited_ns = 0;
        std::uint64_t waiting = 0;
        const CoroutineImage* sender = longest_waiter(watch, WaitReason::kChannelSend, channel.index,
                                                      &waited_ns, &waiting);
        if (sender == nullptr || waited_ns < kChannelFullNs) continue;
        Lint lint;
        lint.rule = kChannelFull;
        lint.count = waiting;
        lint.about = nameless(name);
        lint.sentence = fmt::format(
            "nobody has received from {} for {}: {}{} to send", name, brief_ns(waited_ns),
            channel.capacity == 0
                ? ""
                : fmt::format("its {} full, and ", counted(channel.capacity, "place is", "places are")),
            counted(waiting, "coroutine waits", "coroutines wait"));
        point_at(lint, Kind::kChannel, name);
        point_at(lint, state, *sender);
        for (const inspect::HandleImage& handle : state.handles) {
            if (handle.channel != channel.index || (handle.rights & wire::kHandleReceive) == 0) continue;
            const CoroutineImage* receiver = handle.holder == wire::kHolderOutside
                                                 ? nullptr
                                                 : state.coroutine_of(handle.holder);
            if (receiver != nullptr && receiver != sender) point_at(lint, state, *receiver);
        }
        lints.push_back(std::move(lint));
    }
}

}  // namespace coroscope::analyses
