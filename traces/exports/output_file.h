// OutputFile: where an export's bytes go, a file or stdout.
//
// A file is written beside its place and renamed by finish(): who finds it has all of it. Errors are remembered by write() and said by finish(), so
// that writers need not ask after every byte.
//
// Thread: one at a time. Blocks: writes. Tested in tests/unit/exports/encoding_test.cpp.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "instrumentation/base/result.h"

namespace coroscope::exports {

class OutputFile {
public:
    // `path`: "-" is stdout. Errors: kIo, when it cannot be made.
    static base::Result<OutputFile> create(const std::string& path);
    OutputFile(OutputFile&& other) noexcept;
    OutputFile& operator=(OutputFile&&) = delete;
    ~OutputFile();  // what was not finished is removed

    void write(std::string_view bytes);
    // Everything is in its place. Errors: kIo, of whatever went wrong first.
    base::Status finish();
    const std::string& path() const { return path_; }

private:
    OutputFile(std::string path, std::string beside, std::FILE* file)
        : path_(std::move(path)), beside_(std::move(beside)), file_(file) {}
    base::Error problem() const;

    const std::string path_, beside_;  // beside_: "" = stdout
    std::FILE* file_ = nullptr;
    int problem_ = 0;  // errno of the first write that failed
};

// A file without a name, for a part of an export whose place comes later. Gone when closed.
class SpoolFile {
public:
    SpoolFile() : file_(std::tmpfile()) {}
    SpoolFile(const SpoolFile&) = delete;
    SpoolFile& operator=(const SpoolFile&) = delete;
    ~SpoolFile();

    void write(std::string_view bytes);
    // Appends everything to `to`. Errors: kIo, of whatever went wrong first.
    base::Status copy_to(OutputFile& to);

private:
    std::FILE* file_;
    bool good_ = true;
};

}  // namespace coroscope::exports
