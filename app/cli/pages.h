// What stands about the command line outside of the program: the manual page, and completion for bash, zsh and fish.
//
// All of it is made from the declarations that the parser reads lines by (described_line.h), so that a word or an option that is added to those
// is in the page and in every completion by itself; only the prose of the page is written here. `coroscope pages NAME` prints one, and the build
// installs what it prints (assets/desktop/CMakeLists.txt).
//
// Thread: any. Tested in tests/e2e/pages_test.py, with man, bash, zsh and fish themselves.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "app/cli/command_line.h"

namespace CLI {
class App;
}

namespace coroscope::app {

struct DescribedOption {
    std::vector<std::string> names;  // with their dashes; none = a positional
    std::string value;               // what it takes, as help says it; "" = nothing
    std::string text;
    std::vector<std::string> choices;  // the only values there are; none = anything
    std::string window_group;          // "" or the heading it stands under
    bool required = false;
    // What the value is, for who completes it.
    bool is_path = false;
    bool is_pid = false;
};

struct DescribedWord {
    std::string name;  // "" = no word at all
    std::string text;
    std::vector<std::string> usage;  // a line each
    std::vector<DescribedOption> options;
    std::vector<DescribedOption> positionals;
    bool starts_program = false;  // takes "-- PROG ARGS"
};

// The line without a word first, then every word.
std::vector<DescribedWord> describe(const CLI::App& app);

std::string man_page(const std::vector<DescribedWord>& words);
std::string bash_completion(const std::vector<DescribedWord>& words);
std::string zsh_completion(const std::vector<DescribedWord>& words);
std::string fish_completion(const std::vector<DescribedWord>& words);

// "coroscope 0.1.0"
std::string version_line();
// `pages NAME` and --version. The second answers what was asked for: NAME is one of man, bash, zsh, fish.
void declare_pages(CLI::App* word, std::string& name);
base::Result<Wish> finish_pages(const CLI::App& app, std::string_view name);

}  // namespace coroscope::app
