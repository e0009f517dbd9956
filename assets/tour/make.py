#!/usr/bin/env python3
"""Makes the tour: screenshots and output of the programs in this build, as they are.

    ./dev tour        builds, then runs this; writes assets/tour/*.png and assets/tour/README.md

Nothing here is written by hand but the sentences between the commands. Pictures are drawn off screen, so no display is needed.
"""
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.realpath(os.path.join(HERE, "../.."))
BIN = os.path.join(os.environ.get("COROSCOPE_BUILD", os.path.join(SOURCE, "build")), "bin")
LINES_MAX = 28  # of one command's output; the rest is counted
WIDTH_MAX = 150

INTRODUCTION = """# A tour of Coroscope

Made by `./dev tour` on the demo (`build/bin/demo`, whose source is in `runtime/examples/demo`): every picture and every line of output on this
page is what the programs showed.
"""


class Tour:
    def __init__(self, scratch):
        self.scratch = scratch
        self.text = [INTRODUCTION]

    def say(self, text):
        self.text.append(text.strip() + "\n")

    def run(self, *command, env=None, expect=(0,), show=True, shown_as=None, keep=LINES_MAX):
        """Runs a command in the scratch folder and shows it with its output."""
        words = [os.path.join(BIN, command[0]), *map(str, command[1:])]
        done = subprocess.run(words, cwd=self.scratch, capture_output=True, text=True, env={**os.environ, **(env or {})}, timeout=300)
        if done.returncode not in expect:
            sys.exit(f"tour: {' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        if show:
            lines = [line.replace(SOURCE + "/", "") for line in (done.stdout + done.stderr).splitlines()]
            lines = [line if len(line) <= WIDTH_MAX else line[: WIDTH_MAX - 1] + "…" for line in lines]
            if len(lines) > keep:
                lines = lines[:keep] + [f"… {len(lines) - keep} more lines"]
            setting = "".join(f"{name}={value} " for name, value in (env or {}).items())
            prompt = shown_as or setting + " ".join(map(str, command)).replace("-- demo", "-- build/bin/demo")
            self.text.append("```console\n$ " + prompt + "\n" + "\n".join(lines) + "\n```\n")
        return done

    def picture(self, name, caption):
        self.text.append(f"![{caption}]({name})\n")

    def script(self, name):
        """A script of this folder, with @ standing for this folder."""
        path = os.path.join(self.scratch, name)
        with open(os.path.join(HERE, name)) as source, open(path, "w") as target:
            target.write(source.read().replace("@/", HERE + "/"))
        return path


def make(tour):
    demo = os.path.join(BIN, "demo")
    look = ["--offscreen", "--size", "1600x1000", "--theme", "dark"]
    tour.say("## Record, look, and run again smaller")
    tour.run("coroscope", "record", "-o", "run.coro", "--", demo, "--seconds", 3, shown_as="coroscope record -o run.coro -- build/bin/demo --seconds 3")
    tour.run("coroscope", "stat", "run.coro", keep=40)
    tour.say("Every stack at a moment, look-alikes merged:")
    tour.run("coroscope", "stacks", "run.coro", "--at", "1500ms")
    tour.say("Who waits for whom:")
    tour.run("coroscope", "waits", "run.coro", "--at", "1500ms")
    tour.say("What each spawn site needs, as a table that the next run obeys:")
    tour.run("coroscope", "sizes", "run.coro", "-o", "sizes.json")
    tour.run("demo", "--seconds", 3, env={"CPRIME_SIZES": "sizes.json", "LD_BIND_NOW": "1"},
             shown_as="CPRIME_SIZES=sizes.json LD_BIND_NOW=1 build/bin/demo --seconds 3", keep=12)
    tour.run("coroscope", "record", "-o", "rerun.coro", "--", demo, "--seconds", 3, env={"CPRIME_SIZES": "sizes.json"}, show=False)
    tour.say("What that changed, site by site:")
    tour.run("coroscope", "sizes", "--compare", "run.coro", "rerun.coro")
    tour.run("coroscope", "replay", *look, "--script", tour.script("sizes.script"), "rerun.coro", "--before", "run.coro", show=False)
    tour.picture("sizes.png", "The Sizes view: two runs beside each other")
    tour.say("What is proven of the code alone, and why not more:")
    tour.run("coroscope", "analyze", demo, expect=(1,), shown_as="coroscope analyze build/bin/demo", keep=30)
    tour.say("Where its time went, and what a rule finds:")
    tour.run("coroscope", "profile", "run.coro", "--by", "site", "--top", 6, keep=16)
    tour.run("coroscope", "query", "run.coro", 'suspend and site =~ "climbers" and blocked_ns > 500ms', "--limit", 4, keep=8,
             shown_as="""coroscope query run.coro 'suspend and site =~ "climbers" and blocked_ns > 500ms' --limit 4""")
    tour.run("coroscope", "query", "run.coro", "note or zone-begin or counter", "--limit", 5, keep=8,
             shown_as="coroscope query run.coro 'note or zone-begin or counter' --limit 5")
    tour.say("## The window\n\nThe same views live, attached, and on a trace. These are live, on a launched demo.")
    tour.run("coroscope", "launch", *look, "--script", tour.script("live.script"), "--", demo, "--seconds", 24, show=False)
    tour.say("Every slot of every size class, coloured by what its coroutine does:")
    tour.picture("pools.png", "Pool heatmap")
    tour.say("Every coroutine, its stack, its code:")
    tour.picture("coroutines.png", "Coroutines, stack and code")
    tour.say("The instructions of a frame beside its source: where it is parked, and where the code goes from there.")
    tour.picture("code.png", "Source and instructions, with jump arrows and the context switch marked")
    tour.say("Every word of its stack, by frame: saved registers, return addresses, what points where.")
    tour.picture("words.png", "The words of a stack that goes over segments")
    tour.say("`F9` pauses the program at its next scheduling points, and everything shown is exact; `F10` takes one scheduling decision and selects whom it "
             "ran, `F11` steps the selected coroutine, `Shift+F9` keeps it from running. `coroscope ctl` does the same without a window.")
    tour.picture("paused.png", "A paused program, after a step")
    tour.say("What a switch costs on each worker:")
    tour.picture("histograms.png", "Histograms of switch costs")
    tour.say("Which arms of a select fire, and what one that is parked waits for:")
    tour.picture("selects.png", "A select over three channels")
    tour.say("Who holds what, and who waits for it:")
    tour.picture("locks.png", "Locks, their holders and those who wait")
    tour.say("## What happened over time\n\nThe run that was recorded above, in the same window: charts that share one axis, and what should worry one.")
    tour.run("coroscope", "replay", *look, "--script", tour.script("past.script"), "rerun.coro", "--before", "run.coro", show=False)
    tour.picture("overview.png", "Overview")
    tour.say("What every worker ran when, and the lane of one coroutine: why it waited, and who woke it.")
    tour.picture("timeline.png", "Timeline")
    tour.say("Where time went, by coroutine stack:")
    tour.picture("flame.png", "Flame graph")
    tour.say("The run with the table beside the one without:")
    tour.picture("compare.png", "Two runs beside each other")
    tour.say("What the data shows to be wrong, with its evidence; `coroscope lint` says the same.")
    tour.run("coroscope", "lint", "run.coro", expect=(0, 1), keep=16)
    tour.picture("lints.png", "Lints")
    tour.say("## A deadlock\n\nMade of channels, by `demo --deadlock`; Coroscope names the ring and exits with 1.")
    tour.run("coroscope", "record", "-o", "deadlock.coro", "--", demo, "--seconds", 2, "--swarm", 2000, "--deadlock", show=False)
    tour.run("coroscope", "waits", "deadlock.coro", "--at", "1s", expect=(1,),  shown_as="coroscope waits deadlock.coro --at 1s; echo $?   # prints 1 at the end")
    tour.run("coroscope", "replay", *look, "--script", tour.script("deadlock.script"), "deadlock.coro", show=False)
    tour.picture("waits.png", "Wait graph with a deadlock")


def main():
    with tempfile.TemporaryDirectory(prefix="coroscope-tour-") as scratch:
        os.environ["XDG_STATE_HOME"] = scratch
        tour = Tour(scratch)
        make(tour)
    with open(os.path.join(HERE, "README.md"), "w") as page:
        page.write("\n".join(tour.text))
    print(f"wrote {os.path.relpath(HERE)}/README.md and its pictures")


if __name__ == "__main__":
    main()
