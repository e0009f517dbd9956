// The notebook of a session: bookmarks at times, with a note each, kept in a small file beside the trace.
//
// A trace is evidence: it is not written to after its end, so that its bytes and its checksums stay those of the recording. What a
// person notes about it lies beside it in FILE.notes, JSON that can be read and sent along. Notes of a program that still runs are
// kept in memory until its past is saved (PastSaver), and then lie beside that file.
//
// Thread: the frame's. load() and save() block for a small file. Tested in tests/unit/views/notebook_test.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "instrumentation/base/result.h"
#include "traces/moment.h"

namespace coroscope::views {

struct Bookmark {
    traces::TimeNs t = 0;
    std::uint64_t coroutine = 0;  // that was selected; 0 = none
    std::string note;             // "" = none
    bool operator==(const Bookmark&) const = default;
};

class Notebook {
public:
    // Of another session: what lies beside `trace` ("" = nowhere yet). Errors: kCorrupt or kUnreadable; it is empty then, and says so
    // instead of writing over what could not be read.
    base::Status open(const std::string& trace);
    // From now on it lies beside this trace. Errors: kIo.
    base::Status move_to(const std::string& trace);

    // By time, one at a time and coroutine.
    const std::vector<Bookmark>& all() const { return all_; }
    // Adds it, or takes the note of the one that is there. Errors: kIo; it is remembered all the same.
    base::Status put(Bookmark mark);
    base::Status remove(std::size_t index);
    // The next one after t (or the last one before); nullopt when there is none.
    std::optional<std::size_t> after(traces::TimeNs t) const;
    std::optional<std::size_t> before(traces::TimeNs t) const;
    // Where it is kept; "" = only in memory.
    const std::string& path() const { return path_; }

private:
    base::Status save() const;

    std::vector<Bookmark> all_;
    std::string path_, unreadable_;
};

}  // namespace coroscope::views
