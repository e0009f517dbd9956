// Finding programs that can be attached to, and holding on to one.
//
// A Target owns the mapped segments (read-only), the socket to the agent, the reader page and the way its
// memory is read: process_vm_readv, or copies by the agent where that is refused. It looks at the target
// exactly as a stranger would.
//
// Thread: one Target is used by one thread at a time, except where a function says otherwise. Blocks:
// attach() for at most its timeout; the rest for single system calls.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "instrumentation/base/result.h"
#include "instrumentation/inspect/stack.h"
#include "instrumentation/inspect/state_image.h"
#include "instrumentation/wire/handshake.h"
#include "instrumentation/wire/ring.h"
#include "instrumentation/wire/rule_program.h"

namespace coroscope::inspect {

struct TargetInfo {
    std::uint32_t pid = 0;  // in our pid namespace
    std::uint32_t uid = 0;
    std::uint32_t parent_pid = 0;
    std::string program;       // executable path as /proc says
    std::string command_line;  // arguments joined by spaces
    bool attachable = false;
    std::string why_not;  // one sentence when not attachable
};

// Programs with a CPrime runtime that this user may look at or at least see. Reads /proc; blocks for that.
std::vector<TargetInfo> find_targets();
// The first target among `root_pid` and its descendants (a launched script may exec or fork the real
// program), waiting up to timeout_ms for its runtime to start. kGone when root_pid and its descendants ended
// before. With our own pid: among all that we started, and, after prctl(PR_SET_CHILD_SUBREAPER), all that was
// left behind by it.
base::Result<std::uint32_t> wait_for_target(std::uint32_t root_pid, int timeout_ms);

enum class MemoryAccess : std::uint8_t { kProcessVm, kAgent };

class Target {
public:
    struct Options {
        wire::Role role = wire::Role::kWatcher;
        int timeout_ms = 2000;
        bool force_agent_copies = false;  // as if process_vm_readv were refused
    };
    // Errors: kGone (no such process), kRefused (another user's), kUnreadable (no runtime in it), kVersion
    // (says which side to upgrade).
    static base::Result<std::unique_ptr<Target>> attach(std::uint32_t pid, const Options& options);
    ~Target();  // says Bye; the target goes on as before

    Target(const Target&) = delete;
    Target& operator=(const Target&) = delete;

    std::uint32_t pid() const;
    MemoryAccess memory_access() const;

    // Copies the state plane. Never blocks the target. 100k coroutines: some ms.
    base::Result<StateImage> read_state();

    // Reads the record of one coroutine anew; false (and nothing changed) when it is no longer the same
    // coroutine.
    bool follow(CoroutineImage& coroutine) const;

    // Asks the agent to record categories (wire::Category); 0 stops. `flags`: wire::ListenFlag.
    base::Status listen(std::uint32_t mask, wire::RingMode mode, std::uint32_t sample_period = 0, std::uint32_t flags = 0);
    std::uint32_t rings_count() const;
    wire::RingOwner ring_owner(std::uint32_t ring, std::uint32_t* owner_index) const;
    // Takes what ring `ring` holds from the position reached so far: whole slots, verified; returns how many
    // were appended. Publishes the tail. `overtaken` grows by slots that the writer lapped. *first_position
    // gets the position of the first slot appended.
    std::size_t drain(std::uint32_t ring, std::vector<wire::EventSlot>& out, std::uint64_t* first_position,
                      std::uint64_t* overtaken);
    // Emitted and dropped events of a ring by type, as its writer counts them.
    struct RingCounts {
        std::uint64_t head = 0;
        std::vector<std::uint64_t> emitted, dropped;  // wire::kEventTypesMax each
    };
    RingCounts ring_counts(std::uint32_t ring) const;
    // So long its writer has waited for a recorder to make room (RingMode::kBlock), up to now.
    std::uint64_t ring_blocked_ns(std::uint32_t ring) const;
    // Of a recorder, while it takes nothing: it lives, and who waits for room may go on waiting.
    void beat();

    // Reads `bytes` at `address` of the target's memory (process_vm_readv only). Returns bytes read.
    std::size_t read_memory(std::uint64_t address, void* to, std::size_t bytes) const;

    // Copies of parked stacks, sequence-checked, in batches; `visit` gets (coroutine, registers at rsp,
    // bytes, consistency).
    struct StackCopy {
        const CoroutineImage* coroutine = nullptr;
        Consistency consistency = Consistency::kTorn;
        std::uint64_t rsp = 0, rip = 0;
        const std::uint8_t* bytes = nullptr;  // from rsp upwards, valid during the visit
        std::size_t size = 0;
        std::uint32_t sequence = 0;
        const CoroutineImage* record = nullptr;  // exact: as it stood at `sequence`; valid during the visit
        // Of a stack that goes over segments: what lies on the stacks before the one of rsp, inner ones first; valid during the visit.
        const StackBytes* older = nullptr;
        std::size_t older_count = 0;

        // Bytes in use, without the saved registers.
        std::uint64_t used_bytes() const;
    };
    // `only` empty = all parked and ready coroutines of `state`.
    template <typename Visit>
    base::Status copy_stacks(const StateImage& state, const std::vector<std::uint32_t>& only, Visit&& visit) {
        using Function = std::remove_reference_t<Visit>;
        void* context = const_cast<void*>(static_cast<const void*>(&visit));
        return copy_stacks_impl(
            state, only,
            [](void* function, const StackCopy& copy) { (*static_cast<Function*>(function))(copy); }, context);
    }

    // Keeps everything from running (no names), or chosen coroutines, from their next scheduling point on: until resume(), by whomever, or the
    // end of this Target; with `keep`, only until resume(). Returns when the agent has taken note; held() says when it has taken
    // effect. Errors: kRefused (a runtime without control), kUsage (too many), kGone.
    base::Status pause(const std::vector<wire::CoroutineName>& who, bool keep);
    // Lets go of them, or of everything, whoever held it.
    base::Status resume(const std::vector<wire::CoroutineName>& who);
    // Lets one coroutine, or with identity 0 whomever the scheduler picks, run to its next scheduling point. Returns the number that
    // PauseImage::steps_done will come to; 0 for a chosen coroutine of a running program. Errors: kRefused, in a sentence, where there is nothing to
    // step; kGone.
    base::Result<std::uint32_t> step(const wire::CoroutineName& who);
    // Arms a rule in the target in place of the one that was armed here before; a program without instructions takes that away. Returns its
    // number, which its hits carry. Errors: kRefused (another viewer has armed one; a runtime without rules; no memory), kGone.
    base::Result<std::uint32_t> arm_rule(const wire::RuleProgram& program);
    // What has happened by it, waiting for at most timeout_ms while there is nothing. False: the target has ended, or let go of us.
    struct RuleHits {
        std::vector<wire::RuleHit> hits;
        std::uint64_t lost = 0;  // so far: there was no room for them
    };
    bool take_rule_hits(int timeout_ms, RuleHits& to);
    // Switches categories (wire::Category) off and on for whoever listens, also after we have left; only those of `changed`. Returns what is
    // withheld then. Errors: kRefused (a runtime without masks), kGone.
    base::Result<std::uint32_t> withhold(std::uint32_t withheld, std::uint32_t changed);
    // What is withheld now.
    std::uint32_t withheld() const;

    // StateImage::pause, its workers and its header, and nothing else of it.
    base::Result<StateImage> held() const;

    // Agent's word that the end was announced (poll; does not block), and our answer to it.
    bool end_announced();
    void acknowledge_end();
    // False once the process is gone.
    bool alive() const;

    // ELF files mapped in the target now.
    base::Result<std::vector<Module>> modules() const;

    struct Impl;  // known to the files that implement this class
    using VisitFunction = void (*)(void* context, const StackCopy& copy);

private:
    explicit Target(std::unique_ptr<Impl> impl);
    base::Status copy_stacks_impl(const StateImage& state, const std::vector<std::uint32_t>& only,
                                  VisitFunction visit, void* context);
    std::unique_ptr<Impl> impl_;
};

}  // namespace coroscope::inspect
