"""Bodies drawn by a seed: chains of functions with arrays, structs, branches and tables, all of which a proof must bound.

    make_bodies.py COUNT SEED > made_bodies.cpp

No recursion, no pointers to functions, no calls out of the file: so each of them must be PROVEN, or have a jump table that the analysis could
not read. What they compute does not matter; that every array is written does, since the judge looks at the stack afterwards.
"""
import random
import sys

HEAD = """// Made by make_bodies.py: do not edit.
#include "bodies.h"

#include <cstring>

#define CONCATENATE_(a, b) a##_##b
#define CONCATENATE(a, b) CONCATENATE_(a, b)
#define NAMED(name) CONCATENATE(name, BODY_LEVEL)
#define TEXT_(name) #name
#define TEXT(name) TEXT_(name)

namespace coroscope::bounds::test {
namespace {

template <typename T>
[[gnu::always_inline]] inline void keep(T& value) {
    asm volatile("" : : "r"(&value) : "memory");
}

"""


def statement(draw, level, callees):
    """One statement over the locals `a` (an accumulator) and `words`, and a callee."""
    callee = f"{draw.choice(callees)}(a + {draw.randrange(9)})" if callees else f"a * {draw.randrange(2, 9)}"
    kind = draw.randrange(7)
    if kind == 0:
        return f"    a += {callee};\n"
    if kind == 1:
        return f"    if ((a & {draw.choice([1, 3, 7])}) == 0) a ^= {callee};\n"
    if kind == 2:
        return f"    for (long i = 0; i < {draw.randrange(2, 6)}; ++i) a += {callee} + i;\n"
    if kind == 3:
        size = draw.choice([3, 8, 17, 64, 300])
        return (f"    {{ long more[{size}]; for (long i = 0; i < {size}; ++i) more[i] = a + i; keep(more);"
                f" a += more[static_cast<unsigned long>(a) % {size}]; }}\n")
    if kind == 4:
        cases = "".join(f" case {i}: a += {draw.randrange(99)}; words[{i % 2}] = a; break;" for i in range(draw.randrange(3, 12)))
        return f"    switch (static_cast<unsigned long>(a) % 13) {{{cases} default: a -= {callee}; }}\n"
    if kind == 5:
        return f"    {{ char text[{draw.choice([5, 40, 130])}]; std::memset(text, static_cast<int>(a), sizeof text); keep(text); a += text[2]; }}\n"
    return f"    {{ volatile double d = static_cast<double>(a); a += static_cast<long>(d / {draw.randrange(2, 7)}.0); a += {callee}; }}\n"


def main():
    count, seed = int(sys.argv[1]), int(sys.argv[2])
    draw = random.Random(seed)
    text = [HEAD]
    names = []
    for number in range(count):
        callees = []
        for depth in range(draw.randrange(1, 5)):
            last = depth and draw.random() < 0.3
            name = f"part_{number}_{depth}"
            size = draw.choice([2, 2, 5, 12, 33, 200])
            body = "".join(statement(draw, depth, callees[-2:]) for _ in range(draw.randrange(1, 5)))
            tail = f"    return {callees[-1]}(a);\n" if last else "    return a + words[0];\n"
            text.append(f"[[gnu::noinline]] long {name}(long a) {{\n    long words[{size}];\n"
                        f"    for (long i = 0; i < {size}; ++i) words[i] = a ^ i;\n    keep(words);\n{body}{tail}}}\n")
            callees.append(name)
        names.append((f"made_{number}", callees[-1]))
    text.append("\n}  // namespace\n\n")
    for name, callee in names:
        text.append(f'extern "C" [[gnu::noinline]] long NAMED({name})(long n) {{ return {callee}(n) + 1; }}\n')
    text.append("\nBodies CONCATENATE(made_bodies, BODY_LEVEL)() {\n    return {\n")
    for name, _ in names:
        text.append(f"        {{TEXT(NAMED({name})), &NAMED({name}), Verdict::kProven}},\n")
    text.append("    };\n}\n\n}  // namespace coroscope::bounds::test\n")
    sys.stdout.write("".join(text))


if __name__ == "__main__":
    main()
