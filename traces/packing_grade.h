// PackingGrade: how many of a recording's chunks go out as they lay in the ring, because more events wait than are packed in time.
//
// Packing a chunk takes twice as long as storing it verbatim, and makes it a tenth as large. So under pressure one chunk of four is stored verbatim,
// then two, three, all; and fewer again as the queue empties. A grade is left only below half of what it began at: at the same rate of events the
// same mixture goes on, instead of all or nothing in turns.
//
//   grade      0      1      2      3      4       of kGrades chunks verbatim
//   begins            1/4    1/2    3/4    1       of full_bytes waiting
//   ends              1/8    1/4    3/8    1/2
//
// Thread: one at a time. Blocks: never. Tested in tests/unit/traces/packing_grade_test.cpp.
#pragma once

#include <cstdint>

namespace coroscope::traces {

class PackingGrade {
public:
    static constexpr unsigned kGrades = 4;

    explicit PackingGrade(std::uint64_t full_bytes) : step_bytes_(full_bytes / kGrades) {}

    // Whether the next chunk goes out verbatim while so many bytes wait. To be asked once a chunk.
    bool verbatim(std::uint64_t waiting_bytes) {
        while (grade_ < kGrades && waiting_bytes >= (grade_ + 1) * step_bytes_)
            ++grade_;
        while (grade_ > 0 && waiting_bytes < grade_ * step_bytes_ / 2)
            --grade_;
        turn_ = (turn_ + 1) % kGrades;
        return turn_ < grade_;
    }
    unsigned grade() const { return grade_; }

private:
    const std::uint64_t step_bytes_;
    unsigned grade_ = 0;
    unsigned turn_ = 0;
};

}  // namespace coroscope::traces
