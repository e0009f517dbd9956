// The bare switch: from one stack to another, knowing no worker; and what the stamps of a measured switch cost.
//
//   void cprime_switch(void** save_rsp, void* to_rsp)            symmetric; coroutines resumed by hand, benches
//   uint64_t cprime_stamp_pair(Worker* worker)                   both stamps of park_x86_64.S, back to back
//
// The frame is that of park_x86_64.S without its last word, the stack limit; what is preserved, and what is not on purpose, is said there.
#include "runtime/switch/saved_frame_x86_64.h"
#include "runtime/switch/worker_offsets.h"

    .text

    .globl  cprime_switch
    .type   cprime_switch, @function
    .p2align 6
// rdi = where this context's stack pointer goes, rsi = stack pointer of the context to continue. Its frame has no stack limit: who
// switches between stacks of which one may grow sets it around this (by_hand.cpp), and all others save 0.5 of 2.5 ns.
cprime_switch:
    .cfi_startproc
    PUSH_REGISTERS
    movq    %rsp, (%rdi)
    movq    %rsi, %rsp
    POP_REGISTERS
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
