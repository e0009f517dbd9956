"""No folder can include what it may not know.

Two independent looks at the same rule (DESIGN: one CMake target a folder, PRIVATE links):

1. The compiler's. For each layer the include folders that CMake really hands to its sources are taken from
   compile_commands.json. A one-line file that includes a header of another layer must compile exactly if the
   arrow is allowed. This would notice an include root that shows too much, or a link that became PUBLIC.
2. The text's. Every #include in the sources is read: quotes name an allowed layer, angle brackets name only the
   outside libraries of that layer (only app names GLFW, only inspect libunwind, nobody but the runtime <cprime/…>),
   and no path climbs with "..". This would notice a way around the include roots.

The lists of arrows stand here a second time on purpose: changing the architecture takes a change in two places.
"""
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["COROSCOPE_SOURCE"])
BUILD = pathlib.Path(os.environ["COROSCOPE_BUILD"])

FOLDERS = {
    "base": "instrumentation/base", "wire": "instrumentation/wire", "emit": "instrumentation/emit",
    "inspect": "instrumentation/inspect", "bounds": "instrumentation/bounds", "runtime": "runtime", "analyses": "traces/analyses", "exports": "traces/exports",
    "rules": "traces/rules", "traces": "traces", "views": "views", "app": "app",
}
KNOWS = {
    "base": [], "wire": ["base"], "emit": ["wire", "base"], "inspect": ["wire", "base"],
    "bounds": ["inspect", "wire", "base"],
    "runtime": ["emit", "wire", "base"], "traces": ["inspect", "wire", "base"],
    "analyses": ["traces", "inspect", "wire", "base"], "exports": ["analyses", "traces", "inspect", "wire", "base"],
    "rules": ["traces", "inspect", "wire", "base"],
    "views": ["exports", "analyses", "rules", "traces", "inspect", "wire", "base"], "app": ["views", "exports", "analyses", "rules", "traces", "bounds", "inspect", "wire", "base"],
}
# Headers of libraries from outside, and the layers that may name them.
OUTSIDE = [
    (r"GLFW/|imgui_impl_|EGL/", ["app"]), (r"CLI/|png\.h", ["app"]), (r"imgui", ["views", "app"]), (r"GL/", ["views", "app"]),
    (r"libunwind", ["inspect"]), (r"elfutils/|libelf|gelf\.h|dwarf\.h|capstone/", ["inspect", "bounds"]),
    (r"zstd|lz4|xxhash", ["traces"]), (r"nlohmann/|fmt/", ["traces", "analyses", "exports", "rules", "views", "app"]), (r"sqlite3", ["exports"]),
    (r"re2/", ["rules"]), (r"cprime/", ["runtime"]),
]
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def layer_of(path):
    """The layer that a path relative to the root, or to the public include folder, belongs to, or None."""
    if str(path).startswith("cprime/"):
        return "runtime"
    return next((layer for layer, folder in FOLDERS.items() if str(path).startswith(folder + "/")), None)


def sources(layer):
    for path in sorted((SOURCE / FOLDERS[layer]).rglob("*")):
        if path.suffix in (".h", ".cpp", ".c", ".S") and "examples" not in path.relative_to(SOURCE).parts \
                and layer_of(path.relative_to(SOURCE)) == layer:
            yield path


def includes(path):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if match := INCLUDE.match(line):
            yield number, match[1], match[2]


def include_flags(command):
    words = shlex.split(command["command"])
    flags = []
    for at, word in enumerate(words):
        if word in ("-isystem", "-I"):
            flags += [word, words[at + 1]]
        elif word.startswith("-I"):
            flags.append(word)
    return tuple(flags)


class Layers(unittest.TestCase):
    def test_an_include_compiles_exactly_if_the_arrow_is_allowed(self):
        commands = json.loads((BUILD / "compile_commands.json").read_text())
        tried = 0
        with tempfile.TemporaryDirectory() as folder:
            for layer in FOLDERS:
                # A layer's own target; variants of the runtime compile the same files with wider include folders.
                target = "cprime_objects" if layer == "runtime" else f"coroscope_{layer}_objects"
                flag_sets = {include_flags(c) for c in commands if f"/{target}.dir/" in c["command"] and c["file"].endswith(".cpp")}
                for flags in flag_sets:
                    for other in FOLDERS:
                        # The private headers of the runtime are those beside include/, all others are a layer's interface.
                        header = next((h.relative_to(SOURCE) for h in sources(other)
                                       if h.suffix == ".h" and "include" not in h.relative_to(SOURCE).parts), None)
                        if header is None:
                            continue
                        probe = pathlib.Path(folder) / "probe.cpp"
                        probe.write_text(f'#if __has_include("{header}")\nseen\n#endif\n')
                        out = subprocess.run(["c++", "-std=c++20", "-E", "-P", *flags, str(probe)], text=True,
                                             capture_output=True, check=True).stdout
                        allowed = other == layer or other in KNOWS[layer]
                        if other == "rules" and "traces" in KNOWS[layer] + [layer]:
                            continue  # lies in the folder of traces: the text of the sources says who names it
                        with self.subTest(layer=layer, includes=str(header)):
                            self.assertEqual("seen" in out, allowed)
                        tried += 1
        self.assertGreater(tried, 0, "no layer has a source yet")

    def test_quoted_includes_follow_the_arrows(self):
        for layer in FOLDERS:
            for path in sources(layer):
                for number, kind, name in includes(path):
                    where = f"{path.relative_to(SOURCE)}:{number} includes {name}"
                    with self.subTest(where):
                        self.assertNotIn("..", pathlib.PurePath(name).parts, "climbs out of its folder")
                        if kind == '"':
                            target = layer_of(name)
                            self.assertIsNotNone(target, "in quotes stands a path from the root of the tree")
                            self.assertTrue(target == layer or target in KNOWS[layer], f"{layer} must not know {target}")

    def test_libraries_from_outside_are_named_only_where_they_belong(self):
        for layer in FOLDERS:
            for path in sources(layer):
                for number, kind, name in includes(path):
                    if kind == '"':
                        continue
                    rule = next((r for r in OUTSIDE if re.match(r[0], name)), None)
                    # The check of linked binaries is a program of its own, which no target ever holds.
                    if rule is not None and name == "gelf.h" and path.parent == SOURCE / "runtime/growable":
                        continue
                    with self.subTest(f"{path.relative_to(SOURCE)}:{number} includes <{name}>"):
                        self.assertTrue(rule is None or layer in rule[1], f"only {rule and rule[1]} may")

    def test_public_headers_need_nothing_that_is_not_installed(self):
        for path in sorted((SOURCE / "runtime/include/cprime").rglob("*.h")):
            for number, kind, name in includes(path):
                with self.subTest(f"{path.relative_to(SOURCE)}:{number} includes {name}"):
                    self.assertTrue(kind == "<" or name.startswith("cprime/"),
                                    "a public header includes <cprime/…> and the standard library only")


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=1))
