// BODY(name) { … }: a body with the level of optimisation in its name, and its line in a list of bodies.
#pragma once

#define CONCATENATE_(a, b) a##_##b
#define CONCATENATE(a, b) CONCATENATE_(a, b)
#define NAMED(name) CONCATENATE(name, BODY_LEVEL)
#define TEXT_(name) #name
#define TEXT(name) TEXT_(name)
#define BODY(name) extern "C" [[gnu::noinline]] long NAMED(name)([[maybe_unused]] long n)
#define LISTED(name, verdict) \
    { TEXT(NAMED(name)), &NAMED(name), Verdict::verdict }
