"""The manual page and the completions say what --help says: each option of each word, and the shells themselves complete with them."""
import gzip
import os
import re
import shutil
import subprocess
import unittest

import harness


def page(name):
    return harness.coroscope("pages", name, check=0).out


def words():
    listed = harness.coroscope("--help", check=0).out.split("\nSubcommands:\n")[1]
    return re.findall(r"^  ([a-z]+) ", listed, re.MULTILINE)


def options(word):
    said = harness.coroscope(*([word] if word else []), "--help", check=0).out
    return re.findall(r"^  (?:-\w,)?(--[a-z-]+)", said, re.MULTILINE)


class Pages(unittest.TestCase):
    def in_bash(self, *line, path=None):
        """What bash would offer for the last word of the line."""
        with harness.folder() as folder:
            script = os.path.join(folder, "coroscope.bash")
            with open(script, "w") as file:
                file.write(page("bash"))
            ask = ('source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); '
                   'complete -p coroscope >/dev/null || exit 9; _coroscope; printf "%s\\n" "${COMPREPLY[@]}"')
            environment = {"PATH": harness.BIN + ":" + os.environ["PATH"]}
            done = harness.run("bash", "--norc", "-c", ask, script, *line, check=0, env=environment, cwd=path or folder)
        return done.out.split()

    def test_every_option_of_every_word_is_in_the_manual_page(self):
        text = page("man").replace("\\-", "-")
        sections = dict(re.findall(r"^\.SS (\w+)\n(.*?)(?=^\.S[SH] )", text, re.MULTILINE | re.DOTALL))
        window = [option for option in options("") if option not in ("--help", "--version")]
        self.assertEqual(set(words()) - set(sections), set())
        for option in options(""):
            self.assertIn(f"\\fB{option}\\fR", text)
        for word in words():
            for option in options(word):
                if option != "--help" and not (option in window and "options of the window" in sections[word]):
                    self.assertIn(f"\\fB{option}\\fR", sections[word], f"{word} {option}")

    @unittest.skipUnless(shutil.which("man"), "needs man")
    def test_man_shows_the_page_without_a_warning(self):
        with harness.folder() as folder:
            path = os.path.join(folder, "coroscope.1.gz")
            with gzip.open(path, "wt") as file:
                file.write(page("man"))
            shown = harness.run("man", "--warnings", "-l", path, check=0, env={"MANWIDTH": "120", "MAN_KEEP_FORMATTING": "", "LC_ALL": "C.UTF-8"})
        self.assertEqual(shown.err, "")
        self.assertIn("coroscope - see what a coroutine program does", shown.out)

    def test_bash_completes_words_options_and_values(self):
        self.assertEqual(self.in_bash("coroscope", ""), words())
        self.assertEqual(self.in_bash("coroscope", "re"), ["replay", "record"])
        self.assertEqual(self.in_bash("coroscope", "launch", "--theme", "l"), ["light"])
        self.assertEqual(self.in_bash("coroscope", "--theme", "dark", "la"), ["launch"])
        self.assertEqual(self.in_bash("coroscope", "record", "--when-full", ""), ["lose", "block"])
        self.assertEqual(self.in_bash("coroscope", "export", "--format", "sp"), ["speedscope"])
        for word in words():
            self.assertLessEqual(set(options(word)), set(self.in_bash("coroscope", word, "--")), word)

    def test_bash_completes_files_programs_and_processes(self):
        with harness.folder() as folder:
            for name in ("run one.coro", "other.coro"):
                open(os.path.join(folder, name), "w").close()
            self.assertEqual(self.in_bash("coroscope", "stat", "oth", path=folder), ["other.coro"])
            self.assertEqual(self.in_bash("coroscope", "stat", "run", path=folder), ["run", "one.coro"])
        self.assertIn("coroscope", self.in_bash("coroscope", "record", "-o", "x.coro", "--", "corosco"))
        with harness.started(harness.DEMO, "--seconds", 30, "--swarm", 10) as demo:
            harness.wait_until(lambda: harness.attachable(demo.pid), what="the demo being attachable")
            self.assertIn(str(demo.pid), self.in_bash("coroscope", "stat", "--pid", ""))

    def test_the_other_shells_take_theirs(self):
        with harness.folder() as folder:
            for shell in ("zsh", "fish"):
                if shutil.which(shell) is None:
                    continue  # what is printed holds every option all the same (below)
                script = os.path.join(folder, shell)
                with open(script, "w") as file:
                    file.write(page(shell))
                harness.run(shell, "-n", script, check=0)
            if shutil.which("fish"):
                offered = harness.run("fish", "--no-config", "-c", f"source {folder}/fish; complete -C 'coroscope export --format p'", check=0).out
                self.assertEqual([line.split()[0] for line in offered.splitlines()], ["perfetto", "pprof"])
        for word in words():
            for option in options(word):
                self.assertIn(f"'*{option}[", page("zsh"))
                self.assertIn(f"__fish_seen_subcommand_from {word}' ", page("fish"))
                self.assertIn(f"-l {option[2:]} ", page("fish"))

    def test_the_version_is_that_of_the_build(self):
        with open(os.path.join(harness.SOURCE, "CMakeLists.txt")) as file:
            version = re.search(r"project\(coroscope VERSION ([0-9.]+)", file.read()).group(1)
        self.assertEqual(harness.coroscope("--version", check=0).out, f"coroscope {version}\n")

    def test_a_page_that_there_is_not_is_refused(self):
        harness.one_sentence(self, harness.coroscope("pages", "tcsh"), 2, "tcsh")


if __name__ == "__main__":
    harness.main()
