// The bare switch: from one stack to another, knowing no worker; and what the stamps of a measured switch cost.
//
//   void cprime_switch(void** save_rsp, void* to_rsp)            symmetric; coroutines resumed by hand, benches
//   uint64_t cprime_stamp_pair(Worker* worker)                   both stamps of park_x86_64.S, back to back
//
// The frame is that of park_x86_64.S without its last word, the stack limit; what is preserved, and what is not on purpose, is said there.
#include "runtime/switch/worker_offsets.h"

    .text

    .globl  cprime_switch
    .type   cprime_switch, @function
    .p2align 6
// rdi = where this context's stack pointer goes, rsi = stack pointer of the context to continue. Its frame has no stack limit: who
// switches between stacks of which one may grow sets it around this (by_hand.cpp), and all others save 0.5 of 2.5 ns.
cprime_switch:
    .cfi_startproc
    pushq   %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    pushq   %rbx
    .cfi_def_cfa_offset 24
    .cfi_offset %rbx, -24
    pushq   %r12
    .cfi_def_cfa_offset 32
    .cfi_offset %r12, -32
    pushq   %r13
    .cfi_def_cfa_offset 40
    .cfi_offset %r13, -40
    pushq   %r14
    .cfi_def_cfa_offset 48
    .cfi_offset %r14, -48
    pushq   %r15
    .cfi_def_cfa_offset 56
    .cfi_offset %r15, -56
    movq    %rsp, (%rdi)
    movq    %rsi, %rsp
    popq    %r15
    .cfi_def_cfa_offset 48
    .cfi_restore %r15
    popq    %r14
    .cfi_def_cfa_offset 40
    .cfi_restore %r14
    popq    %r13
    .cfi_def_cfa_offset 32
    .cfi_restore %r13
    popq    %r12
    .cfi_def_cfa_offset 24
    .cfi_restore %r12
    popq    %rbx
    .cfi_def_cfa_offset 16
    .cfi_restore %rbx
    popq    %rbp
    .cfi_def_cfa_offset 8
    .cfi_restore %rbp
    popq    %rcx
    .cfi_def_cfa_offset 0
    .cfi_register %rip, %rcx
    jmp     *%rcx
    .cfi_endproc
    .size   cprime_switch, . - cprime_switch

    .globl  cprime_stamp_pair
    .type   cprime_stamp_pair, @function
    .p2align 6
// rdi = worker. The instructions of both stamps back to back; returns the ticks between them: what measuring costs.
cprime_stamp_pair:
    .cfi_startproc
    movl    $2, CPRIME_WORKER_SAMPLING(%rdi)
    lfence
    rdtsc
    lfence
    shlq    $32, %rdx
    orq     %rdx, %rax
    movq    %rax, CPRIME_WORKER_STAMP_IN(%rdi)
    jmp     1f
    .p2align 4
1:  lfence
    rdtsc
    lfence
    shlq    $32, %rdx
    orq     %rdx, %rax
    movq    %rax, CPRIME_WORKER_STAMP_OUT(%rdi)
    movl    $0, CPRIME_WORKER_SAMPLING(%rdi)
    subq    CPRIME_WORKER_STAMP_IN(%rdi), %rax
    ret
    .cfi_endproc
    .size   cprime_stamp_pair, . - cprime_stamp_pair

// To the linker these functions keep to the room that growable code has below its limit (64 bytes): it need not ask for more.
    .section .note.GNU-split-stack, "", @progbits
    .section .note.GNU-no-split-stack, "", @progbits
    .section .note.GNU-stack, "", @progbits
