// What the process says on stderr while a test goes on, line by line.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <string>

namespace cprime::test {

// From its constructor to its destructor stderr is a pipe, of which next_line() reads. One reader.
class StderrLines {
public:
    StderrLines() {
        int ends[2];
        EXPECT_EQ(pipe(ends), 0);
        before_ = dup(STDERR_FILENO);
        dup2(ends[1], STDERR_FILENO);
        close(ends[1]);
        from_ = ends[0];
    }
    ~StderrLines() {
        restore();
        close(from_);
    }
    StderrLines(const StderrLines&) = delete;
    StderrLines& operator=(const StderrLines&) = delete;

    // Blocks until somebody has said a whole line; without its end. "" when stderr is as it was before.
    std::string next_line() {
        std::string line;
        char byte = 0;
        while (read(from_, &byte, 1) == 1 && byte != '\n')
            line += byte;
        return line;
    }
    // Gives stderr back; then all that was said and not read.
    std::string rest() {
        restore();
        std::string text;
        for (std::string line = next_line(); !line.empty(); line = next_line())
            text += line + "\n";
        return text;
    }

private:
    void restore() {
        if (before_ < 0) return;
        std::fflush(stderr);
        dup2(before_, STDERR_FILENO);
        close(before_);
        before_ = -1;
    }
    int from_ = -1;
    int before_ = -1;
};

}  // namespace cprime::test
