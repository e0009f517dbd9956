"""`./dev interop`: exports, read by readers that Debian does not have. What cannot be fetched is said to be *not run*.

    perfetto    protoc with Perfetto's published schema (or COROSCOPE_PERFETTO_SCHEMA)
    speedscope  the JSON schema in speedscope's npm package, by ajv from npm

Ends with 1 when a reader refuses an export, 0 otherwise; the last line counts what was run. Needs the network, and nothing of it is kept.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request

SOURCE = os.environ["COROSCOPE_SOURCE"]
BIN = os.environ["COROSCOPE_BIN"]
SCHEMA_URL = "https://raw.githubusercontent.com/google/perfetto/main/protos/perfetto/trace/perfetto_trace.proto"
AJV = """
import Ajv from 'ajv';
import { readFileSync } from 'fs';
const ajv = new Ajv({ strict: false, allErrors: true });
const validate = ajv.compile(JSON.parse(readFileSync(process.argv[2])));
for (const path of process.argv.slice(3)) {
  if (!validate(JSON.parse(readFileSync(path)))) { console.error(path, validate.errors.slice(0, 3)); process.exit(1); }
}
"""


class NotRun(Exception):
    pass


def run(*command, **more):
    return subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, **more)


def perfetto(folder, _trace):
    schema = os.environ.get("COROSCOPE_PERFETTO_SCHEMA", "")
    if not shutil.which("protoc"):
        raise NotRun("protoc is not installed")
    if not schema:
        schema = os.path.join(folder, "perfetto_trace.proto")
        try:
            with urllib.request.urlopen(SCHEMA_URL, timeout=30) as answer, open(schema, "wb") as file:
                shutil.copyfileobj(answer, file)
        except OSError as problem:
            raise NotRun(f"the published schema cannot be fetched ({problem}); COROSCOPE_PERFETTO_SCHEMA names a copy") from problem
    test = os.path.join(SOURCE, "tests/e2e/export_test.py")
    done = run(sys.executable, test, "Export.test_protoc_reads_the_perfetto_trace", env=dict(os.environ, COROSCOPE_PERFETTO_SCHEMA=schema))
    return done.returncode == 0, done.stdout


def speedscope(folder, trace):
    if not shutil.which("npm") or not shutil.which("node"):
        raise NotRun("npm is not installed")
    fetched = run("npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", folder, "speedscope", "ajv")
    schema = os.path.join(folder, "node_modules/speedscope/dist/release/file-format-schema.json")
    if fetched.returncode != 0 or not os.path.exists(schema):
        raise NotRun("npm cannot fetch speedscope and ajv")
    files = []
    for kind in ("cpu", "blocked", "stack-memory"):
        files.append(os.path.join(folder, kind + ".speedscope.json"))
        run(os.path.join(BIN, "coroscope"), "export", trace, "--format", "speedscope", "--kind", kind, "-o", files[-1])
    script = os.path.join(folder, "check.mjs")
    with open(script, "w") as file:
        file.write(AJV)
    done = run("node", script, schema, *files)
    return done.returncode == 0 and all(json.load(open(path))["profiles"] for path in files), done.stdout


def main():
    outcomes = {"good": 0, "refused": 0, "not run": 0}
    with tempfile.TemporaryDirectory(prefix="coroscope-interop-") as folder:
        trace = os.path.join(folder, "t.coro")
        recorded = run(os.path.join(BIN, "coroscope"), "record", "-o", trace, "--", os.path.join(BIN, "demo"), "--seconds", 2, "--swarm", 300)
        if recorded.returncode != 0:
            print(recorded.stdout)
            return 1
        for reader in (perfetto, speedscope):
            try:
                good, said = reader(folder, trace)
                outcome = "good" if good else "refused"
            except NotRun as why:
                outcome, said = "not run", str(why)
            outcomes[outcome] += 1
            print(f"{reader.__name__:12} {outcome}" + ("" if outcome == "good" else f": {said}"))
    print(", ".join(f"{count} {outcome}" for outcome, count in outcomes.items()))
    return 1 if outcomes["refused"] else 0


if __name__ == "__main__":
    sys.exit(main())
