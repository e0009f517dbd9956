// What a launched program wrote, as lines: escape sequences taken out, the newest kept.
//
// Thread: the frame's. Tested in tests/unit/app/program_output_test.cpp.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "views/requests.h"

namespace coroscope::app {

class ProgramOutput {
public:
    static constexpr std::size_t kLinesMax = 5000;
    static constexpr std::size_t kLineBytesMax = 4000;  // longer lines are cut and say so

    void append(std::string_view text, bool is_error);
    // Lines without an end become lines: the program is gone.
    void finish();
    // Everything kept, unfinished lines at the end. The same vector until something was appended.
    std::shared_ptr<const std::vector<views::OutputLine>> lines();
    std::uint64_t dropped() const { return dropped_; }

private:
    void add_line(const std::string& raw, bool is_error);

    std::vector<views::OutputLine> lines_;
    std::string unfinished_[2];  // of stdout, of stderr
    std::uint64_t dropped_ = 0;
    std::shared_ptr<const std::vector<views::OutputLine>> snapshot_;
};

// Without terminal escape sequences and control characters; a carriage return starts the line anew, as a terminal shows it.
std::string plain_text(std::string_view raw);

}  // namespace coroscope::app
