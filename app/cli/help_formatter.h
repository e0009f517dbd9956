// How help looks: CLI11's, with usage lines of our own. The parser gives it to CLI11; the manual page takes its usage lines (pages.h).
//
// Thread: any. Tested in tests/unit/app/command_line_test.cpp.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace coroscope::app {

// CLI11's help with the lines that it cannot know: where a program's own arguments go.
class HelpFormatter : public CLI::Formatter {
public:
    HelpFormatter() {
        column_width(26);
        label("OPTIONS", "OPTIONS...");
        label("REQUIRED", "(required)");
        label("SUBCOMMAND", "WORD");
        label("Subcommands", "Words");
    }
    std::string make_usage(const CLI::App* app, std::string /*name*/) const override {
        const std::string word = app->get_name();
        if (app->get_parent() == nullptr) return "Usage: coroscope [WORD] [OPTIONS]\n";
        if (word == "launch") return "Usage: coroscope launch [OPTIONS] -- PROG ARGS...\n";
        if (word == "record")
            return "Usage: coroscope record -o FILE [OPTIONS] (--pid PID | -- PROG ARGS...)\n";
        if (word == "top") return "Usage: coroscope top (FILE | --pid PID | -- PROG ARGS...) [OPTIONS]\n";
        if (word == "compact") return "Usage: coroscope compact FILE -o FILE [--json]\n";
        if (word == "ctl")
            return "Usage: coroscope ctl --pid PID pause [ID...] [--keep]\n"
                   "       coroscope ctl --pid PID resume [ID...]\n"
                   "       coroscope ctl --pid PID step [ID]\n"
                   "       coroscope ctl --pid PID stop ID\n"
                   "       coroscope ctl --pid PID break RULE [--action pause|log] [--count N] [--keep]\n"
                   "       coroscope ctl --pid PID mask CATEGORIES\n";
        if (word == "analyze") return "Usage: coroscope analyze (BINARY | --pid PID) [OPTIONS]\n";
        if (word == "query") return "Usage: coroscope query (FILE | --pid PID) [OPTIONS] RULE\n";
        if (app->get_option_no_throw("--pid") != nullptr)
            return "Usage: coroscope " + word + " (FILE | --pid PID) [OPTIONS]\n";
        return CLI::Formatter::make_usage(app, "coroscope " + word);
    }
    // The type alone, without CLI11's list of what is checked: descriptions say it.
    std::string make_option_opts(const CLI::Option* option) const override {
        if (option->get_type_size() == 0) return "";
        const std::string type = option->get_type_name();
        return " " + type.substr(0, type.find(':')) +
               (option->get_required() ? " " + get_label("REQUIRED") : "");
    }
};

}  // namespace coroscope::app
