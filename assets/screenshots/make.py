#!/usr/bin/env python3
"""Every view as a picture, of real runs, in two themes and three sizes: to be looked at one by one before a release.

    ./dev screenshots [FOLDER] [--scene NAME]… [--size NAME]… [--theme NAME]…

builds, then runs this; writes FOLDER/*.png and FOLDER/index.html (default build/screenshots). The views are those of views/all_views.cpp, so
a new one is in here by itself. SCENES below says which runs there are: a program that runs, a trace, a deadlock, other programs, views that
have nothing to show, and what lies over the window. tests/e2e/screenshots_test.py makes the small set, so that this cannot rot. Nothing of it
is kept in the tree; the pictures that are, are the tour's (assets/tour).
"""
import argparse
import html
import json
import os
import re
import subprocess
import sys
import tempfile

SOURCE = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
BUILD = os.environ.get("COROSCOPE_BUILD", os.path.join(SOURCE, "build"))
BIN = os.environ.get("COROSCOPE_BIN", os.path.join(BUILD, "bin"))
SIZES = {"small": ("1280x800", "1"), "large": ("1920x1200", "1"), "twice": ("1280x800", "2")}  # the picture of the last has 2560x1600 pixels
THEMES = ["dark", "light"]
CONTRAST = ["overview", "coroutines", "pools", "timeline", "waits"]  # looked at in the third theme, too
# What a view is worth looking at with: who is selected.
SELECTED = {"selects": "matcher", "locks": "watchman"}
POOL_MODES = ["state", "age", "high-water", "site", "worker", "growth"]
SETTLED = "wait-for settled timeout 120s"
PRESETS = ["latency", "memory", "debug", "compare", "waits", "stacks"]


def path_of(program):
    return os.path.join(BIN, program)


def names_of_views():
    with open(os.path.join(SOURCE, "views/all_views.cpp")) as table:
        return re.findall(r'\{"([a-z]+)", "[^"]+", make<', table.read())


def run(words, **more):
    done = subprocess.run(words, capture_output=True, text=True, timeout=600, **more)
    if done.returncode != 0:
        sys.exit(f"screenshots: {' '.join(words)} ended with {done.returncode}:\n{done.stderr[-2000:]}")


class Shooter:
    """One run of the window: collects lines of its script, a picture in every theme each time it is asked for one."""

    def __init__(self, folder, size, themes):
        self.folder, self.size, self.themes, self.lines = folder, size, themes, []

    def do(self, *lines):
        self.lines += lines

    def shoot(self, name, themes=None):
        for theme in themes or self.themes:
            self.do(f"theme {theme}", SETTLED, f"screenshot {self.folder}/{name}.{theme}.{self.size}.png")

    def run(self, scratch, *words):
        path = os.path.join(scratch, "window.script")
        with open(path, "w") as file:
            file.write("\n".join([*self.lines, "quit"]) + "\n")
        size, scale = SIZES[self.size]
        run([path_of("coroscope"), words[0], "--offscreen", "--script", path, "--size", size, "--scale", scale, *words[1:]],
            env={**os.environ, "XDG_STATE_HOME": scratch})


def recorded(scratch, name, *words):
    """The trace of a run of a program, recorded once for all sizes."""
    trace = os.path.join(scratch, f"{name}.coro")
    if not os.path.exists(trace):
        run([path_of("coroscope"), "record", "-o", trace, "--", *words], env={**os.environ, "CPRIME_QUIET": "1"})
    return trace


def each_view(shots):
    """In its place beside others, as people have it; over the whole window they are of a trace."""
    for view in names_of_views():
        shots.do("preset overview", f"select coroutine {SELECTED.get(view, 'climber')}", f"view {view}")
        shots.shoot(f"{view}.live")


# ---- scenes: a run each

def live(shots, scratch):
    shots.do("wait-for coroutines > 3000 timeout 120s", "key e", "wait-for switch_samples > 200 timeout 60s")
    each_view(shots)
    shots.do("preset overview", "select coroutine climber")
    for preset in PRESETS:
        shots.do(f"preset {preset}")
        shots.shoot(f"preset-{preset}.live")
    for view in CONTRAST if shots.size == "small" and len(shots.themes) > 1 else []:
        shots.do("preset overview", f"view {view}")
        shots.shoot(f"{view}.live", ["contrast"])
    shots.do("preset overview", "key f9", "wait-for paused == true timeout 60s")
    shots.shoot("paused")
    shots.do("key f9", "key ?")
    shots.shoot("keys")
    shots.do("key escape", "key ctrl+shift+p", "type wait")
    shots.shoot("palette")
    shots.do("key escape", "close", "wait-for session == false")
    shots.shoot("start")
    shots.run(scratch, "launch", "--", path_of("demo"), "--seconds", "600", "--swarm", "3000")


def trace(shots, scratch):
    file = recorded(scratch, "demo", path_of("demo"), "--seconds", "3", "--swarm", "1000")
    before = recorded(scratch, "before", path_of("demo"), "--seconds", "2", "--swarm", "500")
    shots.do("wait-for moment timeout 60s", "time 1500ms", SETTLED)
    for view in names_of_views():
        shots.do("preset overview", f"select coroutine {SELECTED.get(view, 'climber')}", f"view {view}", "key m")
        shots.shoot(f"{view}.trace")
        shots.do("key m")
    shots.do("preset overview", "view pools", "key m")
    for number, mode in enumerate(POOL_MODES):
        shots.do(f"click pools.mode.{number}")
        if number != 0:
            shots.shoot(f"pools-{mode}.trace")
    shots.do("click pools.mode.0", SETTLED, "drag pools.grid.2 0.02 0.02 0.4 0.3")
    shots.shoot("pools-band.trace")
    shots.run(scratch, "replay", file, "--before", before)


def when_all_are_there(trace):
    """Nanoseconds at which the last coroutine was spawned."""
    words = [path_of("coroscope"), "query", trace, "spawn", "--limit", "1000000", "--json"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=600, check=True)
    return max(event["t_ns"] for event in json.loads(done.stdout)["events"])


def programs(shots, scratch):
    words = {"web_shop": ["--rounds", "200"], "parcel_network": ["--parcels", "2000"], "dining_philosophers": []}
    for program, arguments in words.items():
        file = recorded(scratch, program, path_of(program), *arguments)
        shots.lines = []
        shots.do("wait-for moment timeout 60s", f"time {when_all_are_there(file)}ns", SETTLED)
        for preset in ("overview", "latency", "waits"):
            shots.do(f"preset {preset}")
            shots.shoot(f"{program}.{preset}")
        shots.run(scratch, "replay", file)


def deadlock(shots, scratch):
    shots.do("wait-for cycles > 0 timeout 120s", "preset overview")
    shots.shoot("overview.deadlock")
    for view in ("waits", "lints"):
        shots.do(f"view {view}", "key m")
        shots.shoot(f"{view}.deadlock")
        shots.do("key m")
    shots.run(scratch, "launch", "--", path_of("demo"), "--seconds", "600", "--swarm", "50", "--deadlock")


def nothing(shots, scratch):
    """Views that have nothing to show say what to do about it: no events, a filter that matches nothing, a program that has ended."""
    shots.do("wait-for coroutines > 20 timeout 120s")
    for view in ("timeline", "events", "flame", "messages", "lints"):
        shots.do("preset overview", f"view {view}")
        shots.shoot(f"{view}.no-events")
    shots.do("key /", "type nobody is called so", "wait-for settled timeout 60s")
    for view in ("coroutines", "waits", "stack", "pools", "channels"):
        shots.do("preset overview", "select none", f"view {view}")
        shots.shoot(f"{view}.no-match")
    shots.do("kill", "wait-for status == exited timeout 60s", "preset overview")
    shots.shoot("overview.ended")
    shots.run(scratch, "launch", "--events", "never", "--", path_of("demo"), "--seconds", "600", "--swarm", "20")


SCENES = {"live": live, "trace": trace, "programs": programs, "deadlock": deadlock, "nothing": nothing}


def write_index(folder):
    pictures = sorted(name for name in os.listdir(folder) if name.endswith(".png"))
    rows = "".join(f'<figure><figcaption>{html.escape(name[:-4])}</figcaption><a href="{name}"><img loading="lazy" src="{name}"></a></figure>\n'
                   for name in pictures)
    with open(os.path.join(folder, "index.html"), "w") as page:
        page.write("<!doctype html><meta charset=utf-8><title>Coroscope, every view</title>"
                   "<style>body{font:14px sans-serif;background:#888}figure{margin:16px}img{max-width:100%}</style>\n" + rows)
    return pictures


def make(folder, scenes, sizes, themes):
    """Returns the names of the pictures in the folder, which holds no others."""
    os.makedirs(folder, exist_ok=True)
    for name in os.listdir(folder):
        if name.endswith(".png"):
            os.remove(os.path.join(folder, name))
    with tempfile.TemporaryDirectory(prefix="coroscope-screenshots-") as scratch:
        for size in sizes:
            for scene in scenes:
                SCENES[scene](Shooter(folder, size, themes), scratch)
                print(f"{scene}: {SIZES[size][0]} x {SIZES[size][1]}", flush=True)
    return write_index(folder)


def main():
    words = argparse.ArgumentParser(description="Every view as a picture, of real runs.")
    words.add_argument("folder", nargs="?", default=os.path.join(BUILD, "screenshots"))
    words.add_argument("--scene", action="append", choices=list(SCENES))
    words.add_argument("--size", action="append", choices=list(SIZES))
    words.add_argument("--theme", action="append", choices=[*THEMES, "contrast"])
    wish = words.parse_args()
    folder = os.path.abspath(wish.folder)
    print(f"{len(make(folder, wish.scene or list(SCENES), wish.size or list(SIZES), wish.theme or THEMES))} pictures: {folder}/index.html")


if __name__ == "__main__":
    main()
