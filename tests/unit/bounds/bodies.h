// Bodies whose stacks are judged: each a function that a stack can be painted under, with what a proof must say of it.
//
// bodies.cpp and library_bodies.cpp are compiled once a level of optimisation, made_bodies.cpp is drawn by a seed (make_bodies.py) and compiled
// likewise. Symbols are NAME_LEVEL, so that the analysis of this very program finds them.
#pragma once

#include <vector>

namespace coroscope::bounds::test {

enum class Verdict { kProven, kVariableFrame, kIndirect, kRecursion, kThrows, kOther };

struct Body {
    const char* symbol = "";
    long (*function)(long) = nullptr;
    Verdict verdict = Verdict::kProven;
};

using Bodies = std::vector<Body>;
Bodies bodies_O0();
Bodies bodies_O1();
Bodies bodies_O2();
Bodies bodies_O3();
Bodies bodies_clash();  // -O2 -fstack-clash-protection
Bodies bodies_wide();   // -O3 -mavx2 -ftree-vectorize: realigned frames
Bodies library_bodies_O0();
Bodies library_bodies_O1();
Bodies library_bodies_O2();
Bodies library_bodies_O3();
Bodies made_bodies_O0();
Bodies made_bodies_O1();
Bodies made_bodies_O2();
Bodies made_bodies_O3();

}  // namespace coroscope::bounds::test
