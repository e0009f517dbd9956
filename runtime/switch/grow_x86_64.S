// Growth by segment: the slow way of a growable function's prologue.
//
// Code compiled with -fsplit-stack begins each function with (runtime/growable/ makes the check exact)
//
//      leaq  -FRAME(%rsp), %r11          would the frame reach below the limit of this stack?
//      cmpq  %fs:112, %r11
//      jb    grow                        grow:  movl $FRAME, %r10d     bytes the function wants
//   body:                                       movl $ARGUMENTS, %r11d bytes of arguments passed on the stack
//      ...                                      call __morestack
//                                               ret                    <- [rsp] when __morestack is entered
//                                               jmp  body              <- where the function goes on, one byte further
//
// __morestack calls that next instruction on the coroutine's next segment (stack_segment.h) and, when the function returns, comes back to
// the stack it was called on. No byte of a frame is copied but the arguments passed on the stack, so addresses of locals stay what they
// are. A segment that is there already costs about 16-21 cycles there and back; a first one is taken from the pools on the worker's
// own stack, where there is room for ordinary code.
//
// The frame of __morestack:
//        rbp+24 | the growing function's caller         <- CFA: the lone `ret` is skipped
//        rbp+16 | return address into that caller
//        rbp+8  | address of the `ret`
//        rbp    | rbp of the caller
//        rbp-8  | rax (al counts vector registers of a variadic call)
//        rbp-16 | limit of the stack this frame is on
//
// Exceptions, debuggers and unwinders walk through it by its CFI; a landing pad puts the limit back when an exception passes. gdb
// knows by the name __morestack that the stack below may lie anywhere.
//
// Thread: a worker's, on a coroutine's stack. On any other stack the limit is 0 and nobody comes here. Tested in
// tests/unit/growable.
#include "instrumentation/wire/stack_segment_offsets.h"
#include "runtime/switch/worker_offsets.h"

#define ALLOCATION_SLACK 24                     // the return address that the call below pushes, and 16-byte alignment

    .text

    .globl  __morestack_non_split
    .type   __morestack_non_split, @function
    .p2align 4
// The linker turns __morestack into this in functions that call ordinary code. Its check asks for COROSCOPE_ORDINARY_CALL_BYTES
// more, or always fails (prologues that compare rsp itself); r10 does not know of them yet.
__morestack_non_split:
    .cfi_startproc
    .cfi_def_cfa %rsp, 16                       // as in __morestack: the caller of the function that grows
    pushq   %rax
    .cfi_def_cfa_offset 24
    leaq    16-COROSCOPE_ORDINARY_CALL_BYTES(%rsp), %rax
    subq    %r10, %rax
    cmpq    %fs:COROSCOPE_STACK_LIMIT_TLS, %rax
    popq    %rax
    .cfi_def_cfa_offset 16
    jb      1f
    popq    %r10                                // there is room: go on where we are
    .cfi_def_cfa_offset 8
    incq    %r10
    jmp     *%r10
    .cfi_def_cfa_offset 16
1:  addq    $COROSCOPE_ORDINARY_CALL_BYTES, %r10
    jmp     __morestack
    .cfi_endproc
    .size   __morestack_non_split, . - __morestack_non_split

// In a program linked with --wrap=_Unwind_Resume (ordinary_calls_x86_64.S) that name is the wrapper's; else this one is 0.
    .weak   __real__Unwind_Resume
    .globl  __morestack
    .type   __morestack, @function
    .p2align 6
// r10 = bytes of the frame, r11 = bytes of stacked arguments; every register that passes arguments is live.
__morestack:
.Lmorestack:
    .cfi_startproc
    .cfi_personality 0x9b, DW.ref.__gcc_personality_v0
    .cfi_lsda 0x1b, .Lmorestack_lsda
    .cfi_def_cfa %rsp, 16
    pushq   %rbp
    .cfi_def_cfa_offset 24
    .cfi_offset %rbp, -24
    movq    %rsp, %rbp
    .cfi_def_cfa_register %rbp
    pushq   %rax
    pushq   %fs:COROSCOPE_STACK_LIMIT_TLS
    movq    -16(%rbp), %rax
    leaq    ALLOCATION_SLACK(%r10, %r11), %r10  // what the segment must hold
    movq    COROSCOPE_SEGMENT_NEXT(%rax), %rax
    testq   %rax, %rax
    jz      .Lnew_segment
    cmpq    COROSCOPE_SEGMENT_CAPACITY(%rax), %r10
    ja      .Lnew_segment
.Lhave_segment:                                 // rax = its limit
    movq    %rsp, COROSCOPE_SEGMENT_PREVIOUS_RSP(%rax)
    movq    %rax, %fs:COROSCOPE_STACK_LIMIT_TLS
    movq    COROSCOPE_SEGMENT_TOP(%rax), %r10
    testq   %r11, %r11
    jnz     .Lcopy_arguments
.Lgo:
    movq    -8(%rbp), %rax
    movq    %r10, %rsp
    movq    8(%rbp), %r10
    incq    %r10
.Lbody_begin:
    call    *%r10
.Lbody_end:
    movq    -16(%rbp), %r10
    movq    %r10, %fs:COROSCOPE_STACK_LIMIT_TLS
    movq    %rbp, %rsp
    .cfi_remember_state
    popq    %rbp
    .cfi_restore %rbp
    .cfi_def_cfa %rsp, 16
    ret
    .cfi_restore_state
.Lcopy_arguments:                               // r11 bytes from rbp+24 to the top of the segment
    subq    %r11, %r10
    andq    $-16, %r10
1:  movq    16(%rbp, %r11), %rax
    movq    %rax, -8(%r10, %r11)
    subq    $8, %r11
    ja      1b
    jmp     .Lgo

.Lnew_segment:                                  // on the worker's own stack, all argument registers kept
    movq    cprime_current_worker@gottpoff(%rip), %rax
    movq    %fs:(%rax), %rax
    movq    CPRIME_WORKER_STACK_TOP(%rax), %rax
    xchgq   %rax, %rsp
    movq    %rax, -8(%rsp)                      // rsp of before; a push here would hide the new rsp from valgrind
    leaq    -8(%rsp), %rsp
    pushq   %rdi
    pushq   %rsi
    pushq   %rdx
    pushq   %rcx
    pushq   %r8
    pushq   %r9
    pushq   %r11
    subq    $128, %rsp
    movups  %xmm0, (%rsp)
    movups  %xmm1, 16(%rsp)
    movups  %xmm2, 32(%rsp)
    movups  %xmm3, 48(%rsp)
    movups  %xmm4, 64(%rsp)
    movups  %xmm5, 80(%rsp)
    movups  %xmm6, 96(%rsp)
    movups  %xmm7, 112(%rsp)
    movq    -16(%rbp), %rdi                     // limit
    movq    %r10, %rsi                          // bytes
    movq    8(%rbp), %rdx                       // in the function that wants them
    leaq    -16(%rbp), %rcx                     // rsp
    movq    $0, %fs:COROSCOPE_STACK_LIMIT_TLS   // what runs here never grows
    call    cprime_new_segment                  // rax = limit of the segment
    movups  (%rsp), %xmm0
    movups  16(%rsp), %xmm1
    movups  32(%rsp), %xmm2
    movups  48(%rsp), %xmm3
    movups  64(%rsp), %xmm4
    movups  80(%rsp), %xmm5
    movups  96(%rsp), %xmm6
    movups  112(%rsp), %xmm7
    addq    $128, %rsp
    popq    %r11
    popq    %r9
    popq    %r8
    popq    %rcx
    popq    %rdx
    popq    %rsi
    popq    %rdi
    popq    %rsp
    jmp     .Lhave_segment

// An exception leaves the segment: rsp is on it, rbp the frame's, rax the exception. Unwinding goes on from the worker's own stack: a
// small segment may not have room for it. It never comes back here.
.Lexception:
    movq    -16(%rbp), %r10
    movq    %r10, %fs:COROSCOPE_STACK_LIMIT_TLS
    movq    %rax, %rdi
    movq    cprime_current_worker@gottpoff(%rip), %rax
    movq    %fs:(%rax), %rax
    movq    CPRIME_WORKER_STACK_TOP(%rax), %rsp
    movq    __real__Unwind_Resume@GOTPCREL(%rip), %rax
    testq   %rax, %rax
    jnz     1f
    movq    _Unwind_Resume@GOTPCREL(%rip), %rax
1:  call    *%rax
    ud2
    .cfi_endproc
    .size   __morestack, . - __morestack

    .globl  cprime_call_on_bigger_stack
    .type   cprime_call_on_bigger_stack, @function
    .p2align 4
// rdi = function, rsi = its argument, rdx = bytes of stack it wants. A growable function by hand: when there is no room it goes on
// with the same registers on a segment, from where it jumps to the function.
cprime_call_on_bigger_stack:
    .cfi_startproc
    movq    %rsp, %r11
    subq    %rdx, %r11
    cmpq    %fs:COROSCOPE_STACK_LIMIT_TLS, %r11
    jb      2f
1:  movq    %rdi, %rax
    movq    %rsi, %rdi
    jmp     *%rax
2:  movq    %rdx, %r10
    xorl    %r11d, %r11d
    call    __morestack
    ret
    jmp     1b
    .cfi_endproc
    .size   cprime_call_on_bigger_stack, . - cprime_call_on_bigger_stack

    .globl  __morestack_allocate_stack_space
    .type   __morestack_allocate_stack_space, @function
    .p2align 4
// rdi = bytes of an array of variable length that the stack has no room for; rax = 16-aligned memory for it.
__morestack_allocate_stack_space:
    .cfi_startproc
    pushq   %rbx
    .cfi_def_cfa_offset 16
    .cfi_offset %rbx, -16
    pushq   %fs:COROSCOPE_STACK_LIMIT_TLS
    .cfi_def_cfa_offset 24
    movq    %rsp, %rbx
    .cfi_def_cfa_register %rbx
    movq    (%rsp), %rsi                        // limit
    leaq    24(%rsp), %rdx                      // rsp of the frame that the array belongs to
    movq    cprime_current_worker@gottpoff(%rip), %rax
    movq    %fs:(%rax), %rax
    movq    CPRIME_WORKER_STACK_TOP(%rax), %rsp
    movq    $0, %fs:COROSCOPE_STACK_LIMIT_TLS
    call    cprime_new_block
    movq    %rbx, %rsp
    .cfi_def_cfa_register %rsp
    popq    %fs:COROSCOPE_STACK_LIMIT_TLS
    .cfi_def_cfa_offset 16
    popq    %rbx
    .cfi_def_cfa_offset 8
    .cfi_restore %rbx
    ret
    .cfi_endproc
    .size   __morestack_allocate_stack_space, . - __morestack_allocate_stack_space

    .section .gcc_except_table, "a", @progbits
    .p2align 2
.Lmorestack_lsda:
    .byte   0xff, 0xff, 0x01                    // landing pads relative to the function; no types; call sites: uleb128
    .uleb128 .Lsites_end - .Lsites
.Lsites:
    .uleb128 .Lbody_begin - .Lmorestack
    .uleb128 .Lbody_end - .Lbody_begin
    .uleb128 .Lexception - .Lmorestack
    .uleb128 0                                  // a clean-up
.Lsites_end:

    .hidden DW.ref.__gcc_personality_v0
    .weak   DW.ref.__gcc_personality_v0
    .section .data.rel.local.DW.ref.__gcc_personality_v0, "awG", @progbits, DW.ref.__gcc_personality_v0, comdat
    .p2align 3
    .type   DW.ref.__gcc_personality_v0, @object
    .size   DW.ref.__gcc_personality_v0, 8
DW.ref.__gcc_personality_v0:
    .quad   __gcc_personality_v0

    .section .note.GNU-split-stack, "", @progbits
    .section .note.GNU-no-split-stack, "", @progbits
    .section .note.GNU-stack, "", @progbits
