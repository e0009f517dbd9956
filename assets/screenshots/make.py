#!/usr/bin/env python3
"""A picture of every view, in two themes and three sizes, of a real run: to be looked at one by one before a release.

    ./dev screenshots [FOLDER]      builds, then runs this; writes FOLDER/*.png and FOLDER/index.html (default build/screenshots)

The views are those of views/all_views.cpp, so a new one is in here by itself. Each is shown in its place beside others, as
people have it, and once over the whole window. Nothing of this is kept in the tree; the pictures that are, are the tour's (assets/tour).
"""
import html
import os
import re
import subprocess
import sys
import tempfile

SOURCE = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
BUILD = os.environ.get("COROSCOPE_BUILD", os.path.join(SOURCE, "build"))
BIN = os.path.join(BUILD, "bin")
SIZES = [("small", "1280x800", "1"), ("large", "1920x1200", "1"), ("twice", "1280x800", "2")]  # the picture of the last has 2560x1600 pixels
THEMES = ["dark", "light"]
# What a view is worth looking at with: who is selected.
SELECTED = {"selects": "matcher", "locks": "watchman"}
WHOLE = ["coroutines", "pools", "stack", "waits", "sizes", "workers", "overview", "timeline", "lints"]  # what people maximise


def coroscope(scratch, script, *arguments):
    path = os.path.join(scratch, "window.script")
    with open(path, "w") as file:
        file.write("\n".join(script) + "\n")
    done = subprocess.run([os.path.join(BIN, "coroscope"), arguments[0], "--offscreen", "--script", path, *arguments[1:]], capture_output=True, text=True,
                          timeout=600, env={**os.environ, "XDG_STATE_HOME": scratch})
    if done.returncode != 0:
        sys.exit(f"screenshots: {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr[-2000:]}")


def names_of_views():
    with open(os.path.join(SOURCE, "views/all_views.cpp")) as table:
        return re.findall(r'\{"([a-z]+)", "[^"]+", make<', table.read())


def script_of(views, folder, ending):
    """One picture after the other, of one run."""
    lines = ["wait-for coroutines > 3000 timeout 120s", "key e", "wait-for switch_samples > 200 timeout 60s"]
    for view in views:
        lines += ["preset overview", f"select coroutine {SELECTED.get(view, 'climber')}", f"view {view}", "wait-for settled timeout 120s",
                  f"screenshot {folder}/{view}.{ending}.png"]
        if view in WHOLE:
            lines += ["key m", "wait-for settled timeout 120s", f"screenshot {folder}/{view}.whole.{ending}.png", "key m"]
    return lines + ["key ?", f"screenshot {folder}/keys.{ending}.png", "key escape", "close", "wait-for session == false",
                    f"screenshot {folder}/start.{ending}.png", "quit"]


def write_index(folder):
    pictures = sorted(name for name in os.listdir(folder) if name.endswith(".png"))
    rows = "".join(f'<figure><figcaption>{html.escape(name[:-4])}</figcaption><a href="{name}"><img loading="lazy" src="{name}"></a></figure>\n'
                   for name in pictures)
    with open(os.path.join(folder, "index.html"), "w") as page:
        page.write("<!doctype html><meta charset=utf-8><title>Coroscope, every view</title>"
                   "<style>body{font:14px sans-serif;background:#888}figure{margin:16px}img{max-width:100%}</style>\n" + rows)
    return len(pictures)


def main():
    folder = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(BUILD, "screenshots"))
    os.makedirs(folder, exist_ok=True)
    for name in os.listdir(folder):
        if name.endswith(".png"):
            os.remove(os.path.join(folder, name))
    with tempfile.TemporaryDirectory(prefix="coroscope-screenshots-") as scratch:
        views = names_of_views()
        for theme in THEMES:
            for name, size, scale in SIZES:
                coroscope(scratch, script_of(views, folder, f"{theme}-{name}"), "launch", "--size", size, "--scale", scale, "--theme", theme, "--",
                          os.path.join(BIN, "demo"), "--seconds", "600", "--swarm", "3000")
                print(f"{theme} {size} x {scale}: {len(views)} views")
    print(f"{write_index(folder)} pictures: {folder}/index.html")


if __name__ == "__main__":
    main()
