#include "pipeline.h"

#include <cstdio>
#include <string_view>
#include <utility>

#include "random.h"
#include "totals.h"

namespace demo {
namespace {

constexpr int kLinesPerBeat = 20;

std::string random_line(Random& random) {
    std::string line;
    for (std::uint64_t words = 2 + random.below(6); words > 0; --words) {
        if (!line.empty()) line += ' ';
        line.append(1 + random.below(9), static_cast<char>('a' + random.below(26)));
    }
    return line;
}

void write_lines(Schedule& schedule, std::uint64_t seed, const cprime::Sender<std::string>& lines) {
    Random random(seed);
    Tally& tally = totals().channel("lines");
    schedule.play([&] {
        for (int i = 0; i < kLinesPerBeat; ++i) {
            if (!lines.send(random_line(random))) return false;
            ++tally.sent;
        }
        return true;
    });
}

// Sends the words of one line; false when nobody wants them any more.
bool split(std::string_view line, const cprime::Sender<Word>& words, Tally& tally) {
    while (!line.empty()) {
        const std::string_view word = line.substr(0, line.find(' '));
        std::uint32_t hash = 2166136261;  // FNV-1a
        for (const char letter : word)
            hash = (hash ^ static_cast<unsigned char>(letter)) * 16777619;
        if (!words.send({static_cast<std::uint32_t>(word.size()), hash})) return false;
        ++tally.sent;
        line.remove_prefix(std::min(line.size(), word.size() + 1));
    }
    return true;
}

void split_lines(const cprime::Receiver<std::string>& lines, const cprime::Sender<Word>& words) {
    Tally& tally_in = totals().channel("lines");
    Tally& tally_out = totals().channel("words");
    while (auto line = lines.receive()) {
        ++tally_in.received;
        if (!split(*line, words, tally_out)) return;
    }
}

std::uint64_t count_letters(const cprime::Receiver<Word>& words) {
    Tally& tally = totals().channel("words");
    std::uint64_t letters = 0;
    while (auto word = words.receive()) {
        ++tally.received;
        letters += word->letters;
    }
    return letters;
}

}  // namespace

Pipeline::Pipeline(Schedule& schedule, std::uint64_t seed) {
    auto lines = cprime::make_channel<std::string>("lines", 16);
    auto words = cprime::make_channel<Word>("words", 64);
    lines_ = lines.receiver;
    words_ = words.receiver;
    // Handles that are moved into a coroutine are that coroutine's: with it they go, and the channel closes.
    counter_ = spawn_counted({.name = "counter"},
                             [in = std::move(words.receiver)] { return count_letters(in); });
    splitter_ = spawn_counted({.name = "splitter"}, [in = std::move(lines.receiver),
                                                     out = std::move(words.sender)] { split_lines(in, out); });
    author_ = spawn_counted({.name = "author"}, [&schedule, seed, out = std::move(lines.sender)] {
        write_lines(schedule, seed, out);
    });
}

bool Pipeline::at_rest() const {
    return lines_.statistics().receivers_waiting == 1 && words_.statistics().receivers_waiting == 1;
}

void Pipeline::note_edges(Edges& edges) const {
    edges.receives(author_.id(), "gate");
    edges.receives(splitter_.id(), "lines");
    edges.receives(counter_.id(), "words");
}

void Pipeline::finish() {
    lines_.reset();
    words_.reset();
    author_.join();
    splitter_.join();
    if (const auto letters = counter_.join())
        std::printf("pipeline: %llu letters\n", static_cast<unsigned long long>(*letters));
}

}  // namespace demo
