// See script.h.
#include "app/script.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/cli/command_line.h"
#include "views/actions.h"
#include "views/start_page.h"

namespace coroscope::app {
namespace {

constexpr std::int64_t kWaitNsDefault = 30'000'000'000;

struct WordRow {
    ScriptWord word;
    std::size_t least, most;  // arguments
    const char* usage;
};

const std::map<std::string_view, WordRow>& word_table() {
    static const std::map<std::string_view, WordRow> table = {
        {"view", {ScriptWord::kView, 1, 1, "view NAME"}},
        {"preset", {ScriptWord::kPreset, 1, 1, "preset NAME"}},
        {"theme", {ScriptWord::kTheme, 1, 1, "theme NAME"}},
        {"select", {ScriptWord::kSelect, 1, 3, "select coroutine ID | slot POOL N | channel NAME | none"}},
        {"time", {ScriptWord::kTime, 1, 1, "time T"}},
        {"click", {ScriptWord::kClick, 1, 3, "click WIDGET [right] | click slot POOL N"}},
        {"drag", {ScriptWord::kDrag, 2, 6, "drag WIDGET WIDGET [left|right|above|below] | drag WIDGET X0 Y0 X1 Y1 [middle|right]"}},
        {"wheel", {ScriptWord::kWheel, 2, 3, "wheel WIDGET NOTCHES [ctrl|shift]"}},
        {"hover", {ScriptWord::kHover, 1, 3, "hover WIDGET | hover slot POOL N"}},
        {"key", {ScriptWord::kKey, 1, 1, "key CHORD"}},
        {"step", {ScriptWord::kStep, 1, 2, "step next|previous [rule]"}},
        {"type", {ScriptWord::kType, 1, 64, "type TEXT"}},
        {"resize", {ScriptWord::kResize, 2, 2, "resize WIDTH HEIGHT"}},
        {"scale", {ScriptWord::kScale, 1, 1, "scale FACTOR"}},
        {"wait-for", {ScriptWord::kWaitFor, 1, 5, "wait-for NAME OP VALUE [timeout T]"}},
        {"expect", {ScriptWord::kExpect, 1, 3, "expect NAME OP VALUE"}},
        {"screenshot", {ScriptWord::kScreenshot, 1, 1, "screenshot FILE"}},
        {"dump", {ScriptWord::kDump, 1, 1, "dump FILE"}},
        {"attach", {ScriptWord::kAttach, 1, 1, "attach PID"}},
        {"replay", {ScriptWord::kReplay, 1, 1, "replay FILE"}},
        {"launch", {ScriptWord::kLaunch, 1, 256, "launch PROGRAM [ARGUMENTS]"}},
        {"restart", {ScriptWord::kRestart, 0, 0, "restart"}},
        {"kill", {ScriptWord::kKill, 0, 0, "kill"}},
        {"close", {ScriptWord::kClose, 0, 0, "close"}},
        {"monkey", {ScriptWord::kMonkey, 2, 64, "monkey COUNT SEED [TRACE.coro|PID|\"PROGRAM ARGUMENTS\"]..."}},
        {"quit", {ScriptWord::kQuit, 0, 0, "quit"}},
    };
    return table;
}

base::Error wrong(const std::string& message) {
    return base::error(base::ErrorCode::kUsage, message);
}

bool is_number(const std::string& text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

std::optional<double> number_of(const std::string& text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// Within a widget, by shares of its size: takes the numbers out of the arguments.
base::Status complete_drag(ScriptCommand& command) {
    auto& arguments = command.arguments;
    static const std::string kWrite = "write: drag WIDGET WIDGET [left|right|above|below] | drag WIDGET X0 Y0 X1 Y1 [middle|right]";
    if (arguments.size() <= 3) {
        static const std::set<std::string_view> sides = {"left", "right", "above", "below"};
        return arguments.size() == 2 || sides.contains(arguments[2]) ? base::ok_status() : base::Status(wrong(kWrite));
    }
    if (arguments.size() < 5) return wrong(kWrite);
    for (std::size_t i = 1; i < 5; ++i) {
        const auto share = number_of(arguments[i]);
        if (!share.has_value() || *share < 0 || *share > 1) return wrong(kWrite + "; X and Y are shares of its size, 0 to 1");
        command.shares.push_back(*share);
    }
    const bool button_known = arguments.size() == 5 || arguments[5] == "middle" || arguments[5] == "right";
    return button_known ? base::ok_status() : base::Status(wrong(kWrite));
}

base::Status complete_wheel(ScriptCommand& command) {
    const auto& arguments = command.arguments;
    const auto notches = number_of(arguments[1]);
    const bool key_known = arguments.size() == 2 || arguments[2] == "ctrl" || arguments[2] == "shift";
    if (!notches.has_value() || *notches == 0 || std::abs(*notches) > 100 || !key_known)
        return wrong("write: wheel WIDGET NOTCHES [ctrl|shift], with at most 100 notches");
    command.shares.push_back(*notches);
    return base::ok_status();
}

// "a>=1" and "a >= 1" alike: operators become words of their own.
std::vector<std::string> split_operators(const std::vector<std::string>& words) {
    std::vector<std::string> out;
    for (const std::string& word : words) {
        std::size_t begin = 0;
        for (std::size_t i = 0; i < word.size();) {
            if (std::string_view("<>=!").find(word[i]) == std::string_view::npos) {
                ++i;
                continue;
            }
            std::size_t end = i + 1;
            if (end < word.size() && word[end] == '=') ++end;
            if (i > begin) out.push_back(word.substr(begin, i - begin));
            out.push_back(word.substr(i, end - i));
            begin = i = end;
        }
        if (begin < word.size()) out.push_back(word.substr(begin));
    }
    return out;
}

// Fills what depends on the word; the arguments' number is right already.
base::Status complete(ScriptCommand& command) {
    auto& arguments = command.arguments;
    if (command.word == ScriptWord::kTime) {
        command.number = -1;
        if (arguments[0] == "end") return base::ok_status();
        auto time = parse_duration_ns(arguments[0]);
        if (!time.ok()) return time.error();
        command.number = *time;
    } else if (command.word == ScriptWord::kWaitFor || command.word == ScriptWord::kExpect) {
        command.number = kWaitNsDefault;
        if (command.word == ScriptWord::kWaitFor && arguments.size() >= 2 &&
            arguments[arguments.size() - 2] == "timeout") {
            auto time = parse_duration_ns(arguments.back());
            if (!time.ok()) return time.error();
            command.number = *time;
            arguments.resize(arguments.size() - 2);
        }
        auto condition = parse_condition(arguments);
        if (!condition.ok()) return condition.error();
        command.condition = std::move(condition).value();
    } else if (command.word == ScriptWord::kKey) {
        arguments[0] = views::normal_chord(arguments[0]);
        if (arguments[0].empty()) return wrong("a chord is written like ctrl+shift+p");
    } else if (command.word == ScriptWord::kSelect) {
        const bool slot = arguments[0] == "slot" && arguments.size() == 3 && is_number(arguments[1]) &&
                          is_number(arguments[2]);
        const bool one = (arguments[0] == "coroutine" || arguments[0] == "channel") && arguments.size() == 2;
        if (!slot && !one && !(arguments[0] == "none" && arguments.size() == 1))
            return wrong("write: select coroutine ID | slot POOL N | channel NAME | none");
    } else if (command.word == ScriptWord::kStep) {
        const bool way = arguments[0] == "next" || arguments[0] == "previous";
        if (!way || (arguments.size() == 2 && arguments[1] != "rule")) return wrong("write: step next|previous [rule]");
    } else if (command.word == ScriptWord::kDrag) {
        return complete_drag(command);
    } else if (command.word == ScriptWord::kWheel) {
        return complete_wheel(command);
    } else if (command.word == ScriptWord::kMonkey) {
        const auto fits = [](const std::string& word) { return is_number(word) && word.size() <= 18; };
        if (!fits(arguments[0]) || !fits(arguments[1])) return wrong("monkey needs two numbers: how many inputs, and the seed");
        if (std::find(arguments.begin(), arguments.end(), "") != arguments.end()) return wrong("monkey cannot open nothing");
    } else if (command.word == ScriptWord::kResize) {
        const auto pixels = [](const std::string& word) { return is_number(word) && word.size() <= 4; };
        if (!pixels(arguments[0]) || !pixels(arguments[1])) return wrong("resize needs two numbers of pixels, up to 9999 each");
    } else if (command.word == ScriptWord::kScale) {
        const std::string& word = arguments[0];
        double factor = 0;
        const auto [end, problem] = std::from_chars(word.data(), word.data() + word.size(), factor);
        if (problem != std::errc() || end != word.data() + word.size() || !(factor >= 0.5 && factor <= 8))
            return wrong("scale needs a factor from 0.5 to 8");
        command.shares = {factor};
    } else if (command.word == ScriptWord::kAttach && !is_number(arguments[0])) {
        return wrong("attach needs the number of a process");
    }
    return base::ok_status();
}

}  // namespace

base::Result<Condition> parse_condition(const std::vector<std::string>& words) {
    static const std::map<std::string_view, Condition::Comparison> operators = {
        {"<", Condition::Comparison::kLess},      {"<=", Condition::Comparison::kAtMost},
        {"==", Condition::Comparison::kEqual},    {"=", Condition::Comparison::kEqual},
        {"!=", Condition::Comparison::kNotEqual}, {">=", Condition::Comparison::kAtLeast},
        {">", Condition::Comparison::kGreater}};
    Condition condition;
    for (const std::string& word : words)
        condition.text += (condition.text.empty() ? "" : " ") + word;
    const std::vector<std::string> parts = split_operators(words);
    if (parts.size() == 1 && operators.find(parts[0]) == operators.end()) {  // a bare name: it is true
        condition.name = parts[0];
        condition.comparison = Condition::Comparison::kEqual;
        condition.value = "true";
        return condition;
    }
    if (parts.size() != 3 || operators.find(parts[1]) == operators.end()) {
        return wrong(fmt::format("'{}' is no condition: write NAME OP VALUE, for example coroutines > 100",
                                 condition.text));
    }
    condition.name = parts[0];
    condition.comparison = operators.at(parts[1]);
    condition.value = parts[2];
    return condition;
}

bool holds(const Condition& condition, const nlohmann::json& facts, std::string* now) {
    const auto fact = facts.find(condition.name);
    if (fact == facts.end()) {
        if (now != nullptr) *now = "not known";
        return condition.comparison == Condition::Comparison::kNotEqual;
    }
    const std::string text = fact->is_string() ? fact->get<std::string>() : fact->dump();
    if (now != nullptr) *now = text;
    int order = 0;
    double wanted = 0;
    const auto [end, error] = std::from_chars(condition.value.data(),
                                              condition.value.data() + condition.value.size(), wanted);
    if (fact->is_number() && error == std::errc() && end == condition.value.data() + condition.value.size()) {
        const double value = fact->get<double>();
        order = value < wanted ? -1 : value > wanted ? 1 : 0;
    } else {
        order = text.compare(condition.value);
    }
    switch (condition.comparison) {
        case Condition::Comparison::kLess:
            return order < 0;
        case Condition::Comparison::kAtMost:
            return order <= 0;
        case Condition::Comparison::kEqual:
            return order == 0;
        case Condition::Comparison::kNotEqual:
            return order != 0;
        case Condition::Comparison::kAtLeast:
            return order >= 0;
        case Condition::Comparison::kGreater:
            return order > 0;
    }
    return false;
}

base::Result<std::vector<ScriptCommand>> parse_script(std::string_view text, const std::string& file) {
    std::vector<ScriptCommand> commands;
    int number = 0;
    while (!text.empty()) {
        ++number;
        const std::size_t end = text.find('\n');
        std::string line(text.substr(0, end));
        if (line.ends_with('\r')) line.pop_back();
        text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
        const std::size_t first = line.find_first_not_of(" \t");
        if (first == std::string::npos || line[first] == '#') continue;
        std::vector<std::string> words = views::split_words(line);
        while (!words.empty() && words.back().empty())
            words.pop_back();
        if (words.empty()) continue;
        const auto row = word_table().find(words[0]);
        if (row == word_table().end())
            return wrong(fmt::format("{}:{}: there is no command '{}'", file, number, words[0]));
        ScriptCommand command;
        command.word = row->second.word;
        command.line = number;
        command.arguments.assign(words.begin() + 1, words.end());
        if (command.arguments.size() < row->second.least || command.arguments.size() > row->second.most) {
            return wrong(fmt::format("{}:{}: write: {}", file, number, row->second.usage));
        }
        if (auto completed = complete(command); !completed.ok()) {
            return wrong(fmt::format("{}:{}: {}", file, number, completed.error().message));
        }
        commands.push_back(std::move(command));
    }
    return commands;
}

}  // namespace coroscope::app
