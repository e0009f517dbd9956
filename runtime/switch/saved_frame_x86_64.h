// The frame of a suspended context, pushed and popped: for the assembly of this folder, which draws it in park_x86_64.S.
//
// Each macro keeps the call frame information true at every instruction; CFA is rsp-based throughout.
#pragma once

// What a call must preserve. On entry rsp points at the return address.
    .macro PUSH_REGISTERS
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
    .endm

// The stack limit, below the registers: the whole frame stands.
    .macro PUSH_STACK_LIMIT
    pushq   %fs:COROSCOPE_STACK_LIMIT_TLS
    .cfi_def_cfa_offset 64
    .endm

// The limit becomes that of the running stack again. Clobbers rcx.
    .macro POP_STACK_LIMIT
    popq    %rcx
    .cfi_def_cfa_offset 56
    movq    %rcx, %fs:COROSCOPE_STACK_LIMIT_TLS
    .endm

// The registers; the address to go on at is in rcx, for `jmp *%rcx`.
    .macro POP_REGISTERS
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
    .endm

// To unwinders, at a label that is reached with the whole frame on the stack.
    .macro FRAME_STANDS
    .cfi_def_cfa %rsp, 64
    .cfi_offset %rip, -8
    .cfi_offset %rbp, -16
    .cfi_offset %rbx, -24
    .cfi_offset %r12, -32
    .cfi_offset %r13, -40
    .cfi_offset %r14, -48
    .cfi_offset %r15, -56
    .endm
// At a label that is reached as a function is entered.
    .macro FRAME_GONE
    .cfi_def_cfa %rsp, 8
    .cfi_restore %rbp
    .cfi_restore %rbx
    .cfi_restore %r12
    .cfi_restore %r13
    .cfi_restore %r14
    .cfi_restore %r15
    .cfi_offset %rip, -8
    .endm
