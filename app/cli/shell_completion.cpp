// Completion for bash, zsh and fish (pages.h). Each gets a script that stands by itself: words, the options of the word that was typed, the
// values an option has, files, the processes that can be attached to (asked of `coroscope ls`), and after -- the programs of PATH.
#include <algorithm>

#include <fmt/format.h>

#include "app/cli/pages.h"

namespace coroscope::app {
namespace {

constexpr const char* kListPids = "coroscope ls 2>/dev/null | awk 'NR > 1 { print $1 }'";

std::string joined(const std::vector<std::string>& parts, const char* between = " ") {
    std::string out;
    for (const std::string& part : parts)
        out += (out.empty() ? "" : between) + part;
    return out;
}

// The first sentence, for lists that have a line for it.
std::string brief(const std::string& text) {
    return text.substr(0, std::min(text.find_first_of(";:\n"), text.find(". ")));
}

// Without what the shell or its lists would take for something else.
std::string quoted(const std::string& text, std::string_view unwanted) {
    std::string out;
    for (const char c : text)
        out += unwanted.find(c) == std::string_view::npos ? std::string(1, c) : c == '\'' ? "’" : std::string("\\") + c;
    return out;
}

std::vector<std::string> all_names(const DescribedWord& word) {
    std::vector<std::string> names;
    for (const DescribedOption& option : word.options)
        names.insert(names.end(), option.names.begin(), option.names.end());
    return names;
}

// What bash does for a value; "" = nothing can be said.
std::string bash_values(const DescribedOption& option) {
    if (!option.choices.empty()) return fmt::format("COMPREPLY=($(compgen -W '{}' -- \"$cur\"))", joined(option.choices));
    if (option.is_pid) return fmt::format("COMPREPLY=($(compgen -W \"$({})\" -- \"$cur\"))", kListPids);
    if (option.is_path) return "_coroscope_files";
    return "COMPREPLY=()";
}

std::string zsh_action(const DescribedOption& option) {
    if (option.value.empty()) return "";
    const std::string action = !option.choices.empty() ? fmt::format("({})", joined(option.choices))
                               : option.is_pid         ? "_coroscope_pids"
                               : option.is_path        ? "_files"
                                                       : "";
    return fmt::format(":{}:{}", quoted(option.value, ":[]'"), action);
}

void add_zsh_options(std::string& out, const DescribedWord& word, const char* indent) {
    for (const DescribedOption& option : word.options)
        for (const std::string& name : option.names)
            out += fmt::format("{}'{}[{}]{}' \\\n", indent, "*" + name, quoted(brief(option.text), ":[]'"), zsh_action(option));
}

}  // namespace

std::string bash_completion(const std::vector<DescribedWord>& words) {
    std::vector<std::string> names, with_value;
    std::string options, values, positionals;
    for (const DescribedWord& word : words) {
        if (!word.name.empty()) names.push_back(word.name);
        options += fmt::format("      '{}') words='{}' ;;\n", word.name, joined(all_names(word)));
        for (const DescribedOption& option : word.options) {
            if (option.value.empty()) continue;
            std::vector<std::string> patterns;
            for (const std::string& name : option.names) {
                patterns.push_back(fmt::format("'{} {}'", word.name, name));
                if (std::find(with_value.begin(), with_value.end(), name) == with_value.end()) with_value.push_back(name);
            }
            values += fmt::format("    {}) {}; return ;;\n", joined(patterns, " | "), bash_values(option));
        }
        if (!word.positionals.empty())
            positionals += fmt::format("    '{}') {} ;;\n", word.name, bash_values(word.positionals.front()));
    }
    std::string out = "# bash completion of coroscope, made by 'coroscope pages bash'.\n";
    out += "_coroscope_files() {\n  compopt -o filenames 2>/dev/null\n  local IFS=$'\\n'\n  COMPREPLY=($(compgen -f -- \"$cur\"))\n}\n";
    out += "_coroscope() {\n  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} word='' words='' i\n  COMPREPLY=()\n";
    out += "  for ((i = 1; i < COMP_CWORD; i++)); do\n    case ${COMP_WORDS[i]} in\n";
    out += "      --)\n        if ((i + 1 == COMP_CWORD)); then\n          compopt -o filenames 2>/dev/null\n"
           "          local IFS=$'\\n'\n          COMPREPLY=($(compgen -c -- \"$cur\") $(compgen -d -- \"$cur\"))\n"
           "        else\n          _coroscope_files\n        fi\n        return ;;\n";
    out += fmt::format("      {}) ((i++)) ;;\n", joined(with_value, " | "));
    out += "      -*) ;;\n      *) [ -n \"$word\" ] || word=${COMP_WORDS[i]} ;;\n    esac\n  done\n";
    out += "  case \"$word $prev\" in\n" + values + "  esac\n";
    out += "  if [[ $cur == -* ]]; then\n    case $word in\n" + options + "    esac\n";
    out += "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n    return\n  fi\n";
    out += fmt::format("  if [ -z \"$word\" ]; then\n    COMPREPLY=($(compgen -W '{}' -- \"$cur\"))\n    return\n  fi\n", joined(names));
    out += "  case $word in\n" + positionals + "  esac\n}\ncomplete -F _coroscope coroscope\n";
    return out;
}

std::string zsh_completion(const std::vector<DescribedWord>& words) {
    std::string out = "#compdef coroscope\n# zsh completion of coroscope, made by 'coroscope pages zsh'.\n";
    out += fmt::format("_coroscope_pids() {{\n  local -a pids\n  pids=(${{(f)\"$({})\"}})\n  compadd -a pids\n}}\n", kListPids);
    out += "_coroscope() {\n  local curcontext=$curcontext state line\n  typeset -A opt_args\n  local -a words_\n  words_=(\n";
    for (std::size_t i = 1; i < words.size(); ++i)
        out += fmt::format("    '{}:{}'\n", words[i].name, quoted(brief(words[i].text), ":'"));
    out += "  )\n  _arguments -C \\\n";
    add_zsh_options(out, words.front(), "    ");
    out += "    '1:word:->word' '*::argument:->arguments'\n  case $state in\n    word) _describe -t words 'word' words_ ;;\n";
    out += "    arguments)\n      case $line[1] in\n";
    for (std::size_t i = 1; i < words.size(); ++i) {
        out += fmt::format("        {})\n          _arguments \\\n", words[i].name);
        add_zsh_options(out, words[i], "            ");
        const std::string first = words[i].positionals.empty() ? "" : zsh_action(words[i].positionals.front());
        if (words[i].starts_program && first.empty())
            out += "            '*:: :_normal'\n          ;;\n";
        else if (!first.empty())
            out += fmt::format("            '*{}'\n          ;;\n", first);
        else
            out += "            && return\n          ;;\n";
    }
    out += "      esac ;;\n  esac\n}\nif [ \"$funcstack[1]\" = _coroscope ]; then _coroscope \"$@\"; else compdef _coroscope coroscope; fi\n";
    return out;
}

std::string fish_completion(const std::vector<DescribedWord>& words) {
    std::string out = "# fish completion of coroscope, made by 'coroscope pages fish'.\ncomplete -c coroscope -f\n";
    for (const DescribedWord& word : words) {
        const std::string when = word.name.empty() ? "__fish_use_subcommand" : "__fish_seen_subcommand_from " + word.name;
        if (!word.name.empty())
            out += fmt::format("complete -c coroscope -n __fish_use_subcommand -a {} -d '{}'\n", word.name,
                               quoted(brief(word.text), "'"));
        for (const DescribedOption& option : word.options) {
            out += fmt::format("complete -c coroscope -n '{}'", when);
            for (const std::string& name : option.names)
                out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
            if (!option.choices.empty())
                out += fmt::format(" -x -a '{}'", joined(option.choices));
            else if (option.is_pid)
                out += fmt::format(" -x -a '({})'", quoted("coroscope ls 2>/dev/null | tail -n +2 | string match -r \"\\d+\"", "'"));
            else if (option.is_path)
                out += " -r -F";
            else if (!option.value.empty())
                out += " -x";
            out += fmt::format(" -d '{}'\n", quoted(brief(option.text), "'"));
        }
        if (word.positionals.empty() && !word.starts_program) continue;
        const bool choices = !word.positionals.empty() && !word.positionals.front().choices.empty();
        if (choices)
            out += fmt::format("complete -c coroscope -n '{}' -a '{}'\n", when, joined(word.positionals.front().choices));
        else
            out += fmt::format("complete -c coroscope -n '{}' -F\n", when);
    }
    return out;
}

}  // namespace coroscope::app
