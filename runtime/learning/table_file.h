// The file that CPRIME_LEARN names, locked for a read-merge-write; and beside it FILE.wrong, in which programs that die leave what did not hold.
//
// Several processes may end at once: each takes the lock of the file (flock), reads what the others have left, and puts a whole new file in
// its place by rename. The lock is of the file that lies under the name: whoever gets the lock of one that has been replaced meanwhile takes
// that of its successor. A reader without the lock sees the old table or the new one, never half.
//
// FILE.wrong has a line of JSON a failure, appended by a process that is about to die (unheld_rows.h): {"site", "class", "bytes",
// "program", "build_id"}. Whoever
// holds FILE's lock takes the lines in and removes the file when the new table is in its place; lines that are read twice, because somebody
// was killed between the two, say nothing new.
//
// Thread: one at a time. Blocks for the lock, as long as others merge. Tested in tests/unit/runtime/learned_table_test.cpp.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "instrumentation/base/file_descriptor.h"
#include "instrumentation/base/result.h"
#include "runtime/learning/learned_table.h"

namespace cprime::detail {

class TableFile {
public:
    // Locks the file until this object goes. Where there is none a table without rows is made first.
    static coroscope::base::Result<TableFile> open(const std::string& path);
    TableFile(TableFile&&) = default;

    // Its table, read under the lock.
    coroscope::base::Result<JsonValue> read() const;
    // Puts this table in its place, with the mode of the old one; the lock stays with the old one, so this is the last thing to do.
    coroscope::base::Status replace(const JsonValue& table) const;

private:
    TableFile(std::string path, coroscope::base::FileDescriptor file, mode_t mode)
        : path_(std::move(path)), file_(std::move(file)), mode_(mode) {}

    std::string path_;
    coroscope::base::FileDescriptor file_;
    mode_t mode_;
};

std::string wrong_file_of(const std::string& path);

// Merges the rows, and what stands in FILE.wrong, into the file. `runs`: how many more runs the table then counts.
coroscope::base::Status learn_into_file(const std::string& path, std::vector<LearnedRow> rows, unsigned runs,
                                        const ClassBytes& bytes, const OwnBuild& build = {});

// Appends a line to FILE.wrong. Async-signal-safe; false: it cannot be written.
bool append_wrong(const char* wrong_file, const char* line, std::size_t bytes);

}  // namespace cprime::detail
