// A pipeline: author -> "lines" -> splitter -> "words" -> counter.
//
// Each stage ends when the channel before it closes, and closes the channel behind it by ending: nobody has to be told. Lines are
// objects (std::string): they are moved from coroutine to coroutine. Words are plain values: they are copied.
#pragma once

#include <cprime/cprime.h>

#include <cstdint>
#include <string>

#include "part.h"
#include "schedule.h"

namespace demo {

struct Word {
    std::uint32_t letters;
    std::uint32_t hash;
};

class Pipeline : public Part {
public:
    Pipeline(Schedule& schedule, std::uint64_t seed);

    int players() const override { return 1; }
    bool at_rest() const override;
    void note_edges(Edges& edges) const override;
    void finish() override;

private:
    cprime::Receiver<std::string> lines_;  // only to look at, until the finish
    cprime::Receiver<Word> words_;
    cprime::JoinHandle<void> author_;
    cprime::JoinHandle<void> splitter_;
    cprime::JoinHandle<std::uint64_t> counter_;
};

}  // namespace demo
