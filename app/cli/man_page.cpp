// coroscope.1, in the macros of man(7): the prose is here, words and options come from the parser (pages.h).
#include <fmt/format.h>

#include "app/cli/pages.h"

namespace coroscope::app {
namespace {

// Text as it is: no dash becomes a hyphen, no line a command.
std::string plain(const std::string& text) {
    std::string out;
    for (const char c : text) {
        if (c == '\\')
            out += "\\e";
        else if (c == '-')
            out += "\\-";
        else if (c == '\n')
            out += "\n.br\n";
        else
            out += c;
    }
    if (!out.empty() && (out[0] == '.' || out[0] == '\'')) out.insert(0, "\\&");
    return out;
}

void add_option(std::string& page, const DescribedOption& option) {
    std::string names;
    for (const std::string& name : option.names)
        names += fmt::format("{}\\fB{}\\fR", names.empty() ? "" : ", ", plain(name));
    if (!option.value.empty()) names += fmt::format("{}\\fI{}\\fR", names.empty() ? "" : " ", plain(option.value));
    page += fmt::format(".TP\n{}\n{}{}{}\n", names, plain(option.text), option.required && !option.names.empty() ? " (required)" : "",
                        option.text.ends_with('.') ? "" : ".");
}

void add_word(std::string& page, const DescribedWord& word) {
    page += fmt::format(".SS {}\n{}.\n.PP\n.nf\n", plain(word.name), plain(word.text));
    for (const std::string& line : word.usage)
        page += fmt::format(".B {}\n", plain(line));
    page += ".fi\n";
    bool window = false;
    for (const DescribedOption& option : word.positionals)
        add_option(page, option);
    for (const DescribedOption& option : word.options) {
        if (option.names.back() == "--help") continue;
        if (option.window_group.empty())
            add_option(page, option);
        else
            window = true;
    }
    if (window) page += ".PP\nAnd the options of the window, above.\n";
}

constexpr const char* kBeforeOptions = R"(.SH DESCRIPTION
Coroscope launches a program, attaches to one that runs, or replays what one did, and shows every stack pool as a live heatmap, every parked
stack unwound and named, who waits for whom, and what each context switch cost. It understands programs that are built with CPrime, its
coroutine runtime.
.PP
Without a word it opens its window on the start page. In the window
.B ?
shows every key and action. What follows a lone
.B \-\-
is the program to start, and belongs to that program alone.
.SH OPTIONS
)";

constexpr const char* kAfterWords = R"(.SH EXIT STATUS
.TP
0
Good.
.TP
1
A finding: a certain deadlock, a contradiction, a bound that is not proven.
.TP
2
The command line, a script or a rule is wrong.
.TP
3
The target, the file or the display cannot be had.
.SH ENVIRONMENT
.TP
.B CPRIME_SIZES
Read by programs that are built with CPrime: the table of stack sizes that they obey.
.TP
.B CPRIME_LEARN
The same, and what the program learns of its stacks is added to the table at its end.
.TP
.B LD_BIND_NOW
Set to 1 for every program that
.B launch
and
.B record
start: a library call that is bound at its first use takes 3.2 KiB of a coroutine's stack.
.TP
.B XDG_STATE_HOME
Where the window keeps its arrangement and recent files.
.SH FILES
.TP
.I ~/.local/state/coroscope/window.json
Theme, arrangement, recent programs and traces.
.TP
.I *.coro
A trace: one file that needs nothing else (MIME type application/x\-coroscope\-trace).
.SH EXAMPLES
.TP
.B coroscope launch \-\- ./server \-\-port 80
A window on a program.
.TP
.B coroscope record \-o run.coro \-\- ./server
A trace of it, to its end or Ctrl\-C.
.TP
.B coroscope sizes run.coro \-o sizes.json && CPRIME_SIZES=sizes.json ./server
Run it again with stacks of the size that they need.
.TP
.B source <(coroscope pages bash)
Completion where the package did not install it.
.SH SEE ALSO
.BR gdb (1),
.BR perf (1)
)";

}  // namespace

std::string man_page(const std::vector<DescribedWord>& words) {
    std::string page = fmt::format(
        ".\\\" Made by 'coroscope pages man'.\n.TH COROSCOPE 1 \"\" \"{}\" \"User Commands\"\n"
        ".SH NAME\ncoroscope \\- see what a coroutine program does\n.SH SYNOPSIS\n.nf\n",
        plain(version_line()));
    for (const DescribedWord& word : words)
        for (const std::string& line : word.usage)
            page += fmt::format(".B {}\n", plain(line));
    page += ".fi\n";
    page += kBeforeOptions;
    const DescribedWord& bare = words.front();
    for (const DescribedOption& option : bare.options)
        if (option.window_group.empty()) add_option(page, option);
    page += ".SS The window\n";
    for (const DescribedOption& option : bare.options)
        if (!option.window_group.empty()) add_option(page, option);
    page += ".SH WORDS\n";
    for (std::size_t i = 1; i < words.size(); ++i)
        add_word(page, words[i]);
    return page + kAfterWords;
}

}  // namespace coroscope::app
