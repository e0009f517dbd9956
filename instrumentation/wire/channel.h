// Channel headers, the handles that may use them, and totals by name.
//
// `operations` is the channel's change count: one more with every create, send, receive, block, close. Events carry its
// low 24 bits, so that rebuilding from a keyframe skips what the record already contains. A hand-over counts as a send
// and a receive (two operations); `length` = sent - received always.
//
// A handle (Sender, Receiver, Channel in the API) has a record that says who last held or used it: the basis of "who
// could wake me". A handle moved into a coroutine's closure at spawn belongs to that coroutine from then on.
//
// Writers: whoever holds the channel's lock (private to the runtime) for ChannelRecord; the handle's user for HandleRecord.
// Readers: viewers; `sequence` is odd while a writer is inside [channel.sequence].
// Tested in tests/unit/runtime and the model tests; read by inspect/state_reader.
#pragma once

#include <cstdint>

#include "instrumentation/wire/limits.h"
#include "instrumentation/wire/shared.h"

namespace coroscope::wire {

enum ChannelFlag : std::uint32_t {
    kChannelClosed = 1U << 0,
    kChannelLive = 1U << 1,  // the record is in use
};

struct alignas(64) ChannelRecord {         // 128 bytes
    shown<std::uint32_t> sequence;         // odd: being changed
    shown<std::uint32_t> operations;       // change count, see above
    shown<std::uint32_t> flags;            // ChannelFlag
    std::uint32_t capacity;                // items; 0 = unbuffered
    shown<std::uint32_t> length;           // items buffered now
    shown<std::uint32_t> senders_waiting;  // parked coroutines
    shown<std::uint32_t> receivers_waiting;
    std::uint32_t element_bytes;
    shown<std::uint32_t> first_sender, last_sender;  // wait list, linked by CoroutineRecord::next; kNone
    shown<std::uint32_t> first_receiver, last_receiver;
    shown<std::uint32_t> sender_handles;    // handles that may send (Sender, Channel)
    shown<std::uint32_t> receiver_handles;  // handles that may receive (Receiver, Channel)
    std::uint32_t name;                     // string; kNone = unnamed
    std::uint32_t totals;                   // index into kChannelTotals
    shown<std::uint64_t> identity;          // never reused; 0 = never used
    shown<std::uint64_t> sent, received;    // items
    std::uint64_t creator;                  // coroutine identity; 0 = outside
    std::uint32_t site;                     // index into kSites; kNone
    std::uint32_t reserved0;
    std::uint64_t reserved[3];
};
static_assert(kModelled || sizeof(ChannelRecord) == 128);

enum HandleRight : std::uint32_t { kHandleSend = 1U << 0, kHandleReceive = 1U << 1 };

inline constexpr std::uint64_t kHolderOutside = 0;  // a thread that is no worker, or nobody known
struct HandleRecord {                               // 16 bytes
    shared<std::uint32_t> channel;                  // kNone = free record
    shared<std::uint32_t> rights;                   // HandleRight
    shared<std::uint64_t> holder;  // identity of the coroutine that last held or used it; kHolderOutside
};
static_assert(kModelled || sizeof(HandleRecord) == 16);

// Items moved by channels of one name that are gone; live channels are added by the reader. Unnamed channels share
// record 0.
struct ChannelTotalsRecord {  // 32 bytes
    std::uint32_t name;       // string; kNone for record 0
    std::uint32_t reserved;
    shared<std::uint64_t> channels;  // created under this name
    shared<std::uint64_t> sent;      // by channels that are gone
    shared<std::uint64_t> received;
};
static_assert(kModelled || sizeof(ChannelTotalsRecord) == 32);

}  // namespace coroscope::wire
