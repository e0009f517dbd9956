#!/usr/bin/env python3
"""Makes the Debian packages and tries them: what is in them, what Debian's checkers say, and whether what is in them works.

    ./dev package [FOLDER]      builds, then runs this; the packages are left in FOLDER (default build/packages)

They are unpacked into an empty folder (`dpkg -x`), not installed, so that neither root nor this machine's own packages are needed. Dependencies
are held against the libraries that the unpacked program names.
"""
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

SOURCE = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
BUILD = os.environ.get("COROSCOPE_BUILD", os.path.join(SOURCE, "build"))
EXPECTED = {
    "coroscope": ["usr/bin/coroscope", "usr/share/applications/coroscope.desktop", "usr/share/applications/coroscope-trace.desktop",
                  "usr/share/bash-completion/completions/coroscope", "usr/share/doc/coroscope/copyright", "usr/share/doc/coroscope/changelog.gz",
                  "usr/share/fish/vendor_completions.d/coroscope.fish", "usr/share/icons/hicolor/48x48/apps/coroscope.png",
                  "usr/share/icons/hicolor/scalable/apps/coroscope.svg", "usr/share/man/man1/coroscope.1.gz",
                  "usr/share/mime/packages/coroscope.xml", "usr/share/zsh/vendor-completions/_coroscope"],
    "libcprime-dev": ["usr/include/cprime/cprime.h", "usr/lib/libcprime.a", "usr/lib/cmake/cprime/cprime-config.cmake",
                      "usr/lib/pkgconfig/cprime.pc", "usr/share/doc/libcprime-dev/copyright"],
}
# The packages are made where they are used and have no maintainer with an address; pkg-config files of lib/ serve one architecture, as the library.
KNOWN = ["bogus-mail-host", "bogus-mail-host-in-debian-changelog", "pkg-config-unavailable-for-cross-compilation"]


def run(*command, **more):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=600, **more)
    if done.returncode != 0:
        sys.exit(f"package: {' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


def check(what, holds, said=""):
    if not holds:
        sys.exit(f"package: {what} does not hold{': ' + said if said else ''}")
    print(f"  {what}")


def make(folder):
    run("cpack", "--config", os.path.join(BUILD, "CPackConfig.cmake"), "-B", folder)
    found = {re.sub(r"_.*", "", os.path.basename(path)): path for path in glob.glob(os.path.join(folder, "*.deb"))}
    check("there are two packages", sorted(found) == sorted(EXPECTED), str(sorted(found)))
    return found


def look_inside(packages):
    for name, path in packages.items():
        listed = {line.split()[5][2:] for line in run("dpkg-deb", "-c", path).splitlines()}
        missing = [wanted for wanted in EXPECTED[name] if wanted not in listed]
        check(f"{name} ({os.path.getsize(path) // 1000} kB) holds what it promises", not missing, ", ".join(missing))
    depends = run("dpkg-deb", "-f", packages["coroscope"], "Depends")
    check("either package of GLFW will do", re.search(r"libglfw3 \([^)]*\) \| libglfw3-wayland", depends), depends)
    check("the libraries are depended on", all(word in depends for word in ("libdw1", "libcapstone4", "libstdc++6", "libopengl0")), depends)


def ask_checkers(packages, root):
    if shutil.which("lintian"):
        said = subprocess.run(["lintian", "--allow-root", "--fail-on", "error", "--suppress-tags", ",".join(KNOWN), *packages.values()],
                              capture_output=True, text=True, timeout=300)
        print("".join(f"    {line}\n" for line in said.stdout.splitlines()), end="")
        check("lintian finds no error", said.returncode == 0, said.stderr)
    if shutil.which("desktop-file-validate"):
        run("desktop-file-validate", *glob.glob(os.path.join(root, "usr/share/applications/*.desktop")))
        check("the menu entries are valid", True)


def try_program(root, scratch):
    coroscope = os.path.join(root, "usr/bin/coroscope")
    check("the unpacked coroscope says who it is", run(coroscope, "--version").startswith("coroscope "))
    missing = [line for line in run("ldd", coroscope).splitlines() if "not found" in line]
    check("all libraries are found", not missing, "\n".join(missing))
    project = shutil.copytree(os.path.join(SOURCE, "tests/build/outside"), os.path.join(scratch, "project"))
    build = os.path.join(project, "build")
    run("cmake", "-S", project, "-B", build, f"-DCMAKE_PREFIX_PATH={root}/usr")
    run("cmake", "--build", build)
    first = os.path.join(build, "first")
    check("a program that was built with find_package(cprime) runs", run(first) == "sum 10\n")
    check("gdb finds its commands in it", ".debug_gdb_scripts" in run("readelf", "-SW", first))
    trace = os.path.join(scratch, "first.coro")
    run(coroscope, "record", "-o", trace, "--", first)
    totals = json.loads(run(coroscope, "stat", trace, "--json"))["totals"]
    check("it is recorded, and nothing of it is missing", totals["spawned"] == totals["exited"] > 0, str(totals))
    picture = os.path.join(scratch, "first.png")
    run(coroscope, "replay", "--offscreen", "--size", "1280x800", "--screenshot", picture, trace, env={**os.environ, "XDG_STATE_HOME": scratch})
    check("the window draws it", os.path.getsize(picture) > 10_000)


def main():
    folder = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(BUILD, "packages"))
    shutil.rmtree(folder, ignore_errors=True)
    packages = make(folder)
    look_inside(packages)
    with tempfile.TemporaryDirectory(prefix="coroscope-package-") as scratch:
        root = os.path.join(scratch, "root")
        for path in packages.values():
            run("dpkg-deb", "-x", path, root)
        ask_checkers(packages, root)
        try_program(root, scratch)
    shutil.rmtree(os.path.join(folder, "_CPack_Packages"), ignore_errors=True)
    for path in packages.values():
        print(os.path.relpath(path, SOURCE))


if __name__ == "__main__":
    main()
