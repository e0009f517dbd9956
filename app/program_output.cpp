// See program_output.h.
#include "app/program_output.h"

#include <utility>

namespace coroscope::app {

std::string plain_text(std::string_view raw) {
    std::string out;
    for (std::size_t i = 0; i < raw.size(); ++i) {
        const char c = raw[i];
        if (c == '\x1b') {
            // ESC [ parameters letter, ESC ] text BEL, or ESC and one more.
            if (i + 1 < raw.size() && raw[i + 1] == '[') {
                i += 2;
                while (i < raw.size() && (raw[i] < '@' || raw[i] > '~'))
                    ++i;
            } else if (i + 1 < raw.size() && raw[i + 1] == ']') {
                while (i < raw.size() && raw[i] != '\x07')
                    ++i;
            } else {
                ++i;
            }
        } else if (c == '\r') {
            if (i + 1 < raw.size()) out.clear();
        } else if (c == '\t') {
            out.append(8 - out.size() % 8, ' ');
        } else if (static_cast<unsigned char>(c) >= ' ') {
            out += c;
        }
    }
    return out;
}

void ProgramOutput::add_line(const std::string& raw, bool is_error) {
    views::OutputLine line{plain_text(raw), is_error};
    if (line.text.size() > kLineBytesMax) {
        line.text.resize(kLineBytesMax);
        line.text += " … (cut)";
    }
    lines_.push_back(std::move(line));
}

void ProgramOutput::append(std::string_view text, bool is_error) {
    if (text.empty()) return;
    snapshot_ = nullptr;
    std::string& unfinished = unfinished_[is_error ? 1 : 0];
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        if (end == std::string_view::npos) {
            unfinished += text;
            if (unfinished.size() > 2 * kLineBytesMax) add_line(std::exchange(unfinished, {}), is_error);
            break;
        }
        unfinished += text.substr(0, end);
        add_line(std::exchange(unfinished, {}), is_error);
        text.remove_prefix(end + 1);
    }
    // Dropped in larger steps, so that a chatty program does not move every line with each new one.
    if (lines_.size() > kLinesMax + kLinesMax / 4) {
        const std::size_t surplus = lines_.size() - kLinesMax;
        lines_.erase(lines_.begin(), lines_.begin() + static_cast<std::ptrdiff_t>(surplus));
        dropped_ += surplus;
    }
}

void ProgramOutput::finish() {
    for (const bool is_error : {false, true}) {
        std::string& unfinished = unfinished_[is_error ? 1 : 0];
        if (unfinished.empty()) continue;
        add_line(std::exchange(unfinished, {}), is_error);
        snapshot_ = nullptr;
    }
}

std::shared_ptr<const std::vector<views::OutputLine>> ProgramOutput::lines() {
    if (snapshot_ == nullptr) {
        auto copy = std::make_shared<std::vector<views::OutputLine>>(lines_);
        for (const bool is_error : {false, true}) {
            const std::string& unfinished = unfinished_[is_error ? 1 : 0];
            if (!unfinished.empty()) copy->push_back({plain_text(unfinished), is_error});
        }
        snapshot_ = std::move(copy);
    }
    return snapshot_;
}

}  // namespace coroscope::app
