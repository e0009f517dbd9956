// The handshake: how a viewer gets hold of a target's segments, and what it may ask of the agent thread.
//
// Abstract SEQPACKET socket "coroscope-<pid as the target sees it>-<n>" (n = 0.. : a squatted name makes the target take the next
// one). One message a datagram: a MessageHeader, then the struct of its type; descriptors by SCM_RIGHTS.
// Both sides check SO_PEERCRED: the target that the viewer has its own uid or is root; the viewer that the listener *is* the pid
// it wants (a squatter is passed over with a sentence).
//
//   viewer                              target's agent thread
//   Hello {version, pid, role}     ->
//                                  <-   Welcome {version, status, nonce} + fds: state segment, ring segment
//   Attach + fd: reader page       ->                                  (recorder only)
//                                  <-   Reply
//   Listen {mask, mode, period}    ->   what waits for its first viewer goes on, or with kListenLooksFirst at this viewer's next Listen
//                                  <-   Reply
//   CopyArea + fd                  ->   (once: a memfd of the viewer's that the agent pwrite()s parked stacks into)
//   CopyStacks {indices}           ->
//                                  <-   StacksCopied {per stack: sequence, rsp, bytes, offset}
//                                  <-   Notice {kEnding}   orderly end announced; the target waits for Done, at most kEndGraceMs
//   Done                           ->
//   Pause {who, flags}             ->   holds everything, or chosen coroutines, at their next scheduling point
//                                  <-   Reply; when it has taken effect the state plane says so (WorkerState::kHeld, CoroutineState::kPaused)
//   Step {who}                     ->   one coroutine to its next scheduling point, or whatever the scheduler picks
//                                  <-   Reply, detail = number of the step: done when SegmentHeader::steps_done has come there
//   Resume {who}                   ->   lets go, whoever held it
//                                  <-   Reply
//   Rules {program}                ->   arms a rule (rule_program.h) in place of the one this viewer has armed, or takes that away
//                                  <-   Reply, detail = number of the rule; its hits carry it
//                                  <-   Notice {kRuleHits}
//   Mask {withheld, flags}         ->   categories that nobody gets from now on, whoever listens
//                                  <-   Reply, detail = what is withheld now; RingSegmentHeader::withheld says so to everybody
//   Bye or EOF                     ->   everything as before the viewer came; what it paused goes on (unless kPauseKeep); its rule goes
//
// A message with a wrong magic, length or type ends the connection, never the target.
// Tested in tests/unit/emit and tests/unit/inspect (both ends), fuzzed in tests/fuzz.
#pragma once

#include <cstdint>

#include "instrumentation/wire/limits.h"

namespace coroscope::wire {

inline constexpr std::uint32_t kMessageMagic = 0x534f4f52;  // "ROOS"
inline constexpr std::uint32_t kMessageBytesMax = 32U << 10;
inline constexpr std::uint32_t kSocketNameAttempts = 8;
inline constexpr std::uint32_t kEndGraceMs = 2000;
inline constexpr char kSocketPrefix[] = "coroscope-";
inline constexpr char kStateMemfdName[] = "coroscope-state";  // shows in /proc/PID/fd and /proc/PID/maps
inline constexpr char kRingMemfdName[] = "coroscope-rings";

enum class MessageType : std::uint32_t {
    kHello = 1,
    kWelcome = 2,
    kAttach = 3,
    kListen = 4,
    kReply = 5,
    kCopyArea = 6,
    kCopyStacks = 7,
    kStacksCopied = 8,
    kNotice = 9,
    kDone = 10,
    kBye = 11,
    kPause = 16,
    kResume = 17,
    kStep = 18,
    kRules = 20,
    kMask = 21,
};

enum class Role : std::uint32_t {
    kWatcher = 0,   // reads what there is, accepts laps
    kRecorder = 1,  // holds the tails; one at a time
};

enum class ReplyStatus : std::uint32_t {
    kOk = 0,
    kVersionMismatch = 1,
    kRecorderPresent = 2,
    kRefusedUid = 3,
    kMalformed = 4,
    kNoMemory = 5,
    kNotSupported = 6,
    kStepUnderWay = 7,     // the step before this one is not done
    kNotHeld = 8,          // nothing that the step could be taken from is paused
    kNoSuchCoroutine = 9,  // it has ended
    kNotReady = 10,        // it waits, for something that a step would not bring; detail: its WaitReason
    kRuns = 11,            // it has not come to a scheduling point yet
    kEnding = 12,          // the runtime ends
    kTooMany = 13,         // more than kPausedCoroutinesMax
    kRuleArmed = 14,       // another viewer has armed a rule; detail: its pid
};

struct MessageHeader {
    std::uint32_t magic;
    MessageType type;
    std::uint32_t body_bytes;
    std::uint32_t reserved;
};

struct Hello {
    std::uint16_t version_major, version_minor;
    Role role;
    std::uint32_t pid;  // as the viewer sees itself; the kernel's word counts
    std::uint32_t reserved;
};
struct Welcome {
    std::uint16_t version_major, version_minor;
    ReplyStatus status;
    std::uint64_t segment_nonce;
    std::uint64_t state_bytes, ring_bytes;  // sizes of the files now; both may grow
};
enum ListenFlag : std::uint32_t {
    // A program that waits for its first viewer (CPRIME_WAIT_FOR_VIEWER) waits on until this one listens without this flag: it looks at the
    // state plane in between, and knows the state that all events begin from. Nothing else is changed by it.
    kListenLooksFirst = 1U << 0
};
struct Listen {
    std::uint32_t mask;           // Category bits; 0 = stop listening
    std::uint32_t mode;           // RingMode; a watcher may only ask for kOverwrite while nobody records
    std::uint32_t sample_period;  // stamp one switch in this many; 0 = the default, 64
    std::uint32_t flags;          // ListenFlag; others are passed over
};
struct Reply {
    ReplyStatus status;
    std::uint32_t detail;  // kRecorderPresent: pid of the recorder
};
struct CopyStacks {
    std::uint32_t count;  // <= kStackCopiesPerRequestMax
    std::uint32_t reserved;
    // std::uint32_t coroutine[count] follows
};
struct StackCopied {
    std::uint32_t coroutine;
    std::uint32_t sequence;  // odd or changed in between: bytes = 0
    std::uint64_t rsp;
    std::uint64_t rip;
    std::uint32_t bytes;   // from rsp upwards to the stack's high end, at most kStackCopyBytesMax
    std::uint32_t offset;  // in the copy area
};
struct StacksCopied {
    std::uint32_t count;
    std::uint32_t reserved;
    // StackCopied[count] follows
};
// A coroutine by its record, believed only while that has this identity.
struct CoroutineName {
    std::uint32_t index;
    std::uint32_t reserved;
    std::uint64_t identity;
};
enum PauseFlag : std::uint32_t { kPauseKeep = 1U << 0 };  // stays when this viewer leaves, until somebody resumes
struct Pause {            // also of kResume, whose flags are 0
    std::uint32_t count;  // 0 = everything; kResume: chosen coroutines as well
    std::uint32_t flags;  // PauseFlag
    // CoroutineName[count] follows
};
struct Step {
    CoroutineName coroutine;  // identity 0: whatever the scheduler picks
};

// Categories that nobody gets. They stay withheld when this viewer leaves, until somebody says otherwise.
struct Mask {
    std::uint32_t withheld;  // Category bits, of kEventCategories
    std::uint32_t changed;   // of those, which ones this message is about; the others stay as they are
};

enum class NoticeKind : std::uint32_t { kEnding = 1, kRuleHits = 2 };
struct Notice {
    NoticeKind kind;
    std::uint32_t count;  // kRuleHits: how many RuleHit follow, after a RuleHitsHead
};

}  // namespace coroscope::wire
