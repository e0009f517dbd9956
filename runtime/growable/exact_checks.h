// Exact stack checks: what GCC's -fsplit-stack leaves coarse in a function's prologue, made exact in the assembler text.
//
// GCC compares rsp itself with the limit when a frame is below 256 bytes, so that each stack would have to keep that much in reserve.
// Here the check asks for what the function wants, and not for less than ordinary code needs if it calls through a pointer, which the
// linker cannot see:
//
//      cmpq  %fs:112, %rsp               {disp32} leaq -N(%rsp), %r11        N = frame (+ COROSCOPE_ORDINARY_CALL_BYTES if the function
//      jb    slow                   ->   cmpq %fs:112, %r11                      calls through a pointer)
//                                        jb   slow
//
// The check before an array of variable length gets the same bytes more: what is called after it needs them below the array.
//
// The displacement has 32 bits: the linker adds to it in functions that call ordinary code by name.
//
// Thread: any. Tested in tests/unit/growable/exact_checks_test.cpp.
#pragma once

#include <string>
#include <string_view>

namespace cprime::growable {

struct ExactChecks {
    std::string text;   // the assembler text with exact checks
    std::string error;  // "" or one sentence: a check that is not written as GCC 12 writes it
};

ExactChecks make_exact(std::string_view assembler_text);

}  // namespace cprime::growable
