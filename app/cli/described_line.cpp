// The words and options that CLI11 was told of, as values; and the word that prints pages made of them (pages.h).
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <sstream>

#include "app/cli/pages.h"

namespace coroscope::app {
namespace {

constexpr std::array<const char*, 4> kPageNames = {"man", "bash", "zsh", "fish"};

std::vector<std::string> split(const std::string& text, char at) {
    std::vector<std::string> parts;
    std::istringstream in(text);
    for (std::string part; std::getline(in, part, at);)
        if (!part.empty()) parts.push_back(part);
    return parts;
}

// "FORMAT:{perfetto,chrome}" and "lose|block" name all that there is; anything else does not.
std::vector<std::string> choices_in(const std::string& type) {
    const std::size_t open = type.find('{'), close = type.rfind('}');
    if (open != std::string::npos && close != std::string::npos && close > open)
        return split(type.substr(open + 1, close - open - 1), ',');
    const bool words = type.find('|') != std::string::npos &&
                       type.find_first_not_of("abcdefghijklmnopqrstuvwxyz-|") == std::string::npos;
    return words ? split(type, '|') : std::vector<std::string>();
}

DescribedOption describe_option(const CLI::Option& option) {
    DescribedOption described;
    for (const std::string& name : option.get_snames())
        described.names.push_back("-" + name);
    for (const std::string& name : option.get_lnames())
        described.names.push_back("--" + name);
    described.text = option.get_description();
    described.required = option.get_required();
    if (option.get_type_size() != 0) {
        const std::string type = option.get_type_name();
        described.choices = choices_in(type);
        described.value = type.substr(0, type.find(':'));
        if (described.names.empty()) described.value = option.get_name(true);
    }
    if (option.get_group() != "Options") described.window_group = option.get_group();
    static constexpr std::array<std::string_view, 7> kPaths = {"FILE", "PNG", "JSON", "DIR", "BINARY", "OUT", "FROM=TO"};
    described.is_path = std::find(kPaths.begin(), kPaths.end(), described.value) != kPaths.end();
    described.is_pid = described.value == "PID";
    return described;
}

DescribedWord describe_word(const CLI::App& app, bool bare) {
    DescribedWord word;
    if (!bare) word.name = app.get_name();
    word.text = app.get_description();
    const auto* formatter = dynamic_cast<const CLI::Formatter*>(app.get_formatter().get());
    if (formatter != nullptr) word.usage = split(formatter->make_usage(&app, ""), '\n');
    for (std::string& line : word.usage) {
        if (line.starts_with("Usage: ")) line.erase(0, 7);
        line.erase(0, line.find_first_not_of(' '));
        word.starts_program |= line.find("-- PROG") != std::string::npos;
    }
    for (const CLI::Option* option : app.get_options()) {
        DescribedOption described = describe_option(*option);
        if (described.names.empty())
            word.positionals.push_back(std::move(described));
        else
            word.options.push_back(std::move(described));
    }
    return word;
}

}  // namespace

std::vector<DescribedWord> describe(const CLI::App& app) {
    std::vector<DescribedWord> words = {describe_word(app, true)};
    for (const CLI::App* word : app.get_subcommands([](const CLI::App* each) { return !each->get_name().empty(); }))
        words.push_back(describe_word(*word, false));
    return words;
}

std::string version_line() {
    return "coroscope " COROSCOPE_VERSION;
}

void declare_pages(CLI::App* word, std::string& name) {
    word->add_option("NAME", name, "man, or completion for a shell: bash, zsh, fish")
        ->required()
        ->check(CLI::IsMember(std::vector<std::string>(kPageNames.begin(), kPageNames.end())));
}

base::Result<Wish> finish_pages(const CLI::App& app, std::string_view name) {
    const std::vector<DescribedWord> words = describe(app);
    if (name == "man") return Wish(HelpWish{man_page(words)});
    if (name == "bash") return Wish(HelpWish{bash_completion(words)});
    if (name == "zsh") return Wish(HelpWish{zsh_completion(words)});
    return Wish(HelpWish{fish_completion(words)});
}

}  // namespace coroscope::app
