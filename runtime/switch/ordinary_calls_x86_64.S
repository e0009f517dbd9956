// Calls from growable code that need not ask for COROSCOPE_ORDINARY_CALL_BYTES: the C++ runtime's exception machinery, which compilers call
// from nearly every function that has something to destroy, and the string functions they make out of loops and copies.
//
// Used by programs linked with -Wl,--wrap=NAME (growable_stacks.cmake does): their calls of NAME arrive at __wrap_NAME here.
//   the unwinder, and memory for exceptions   on the worker's own stack: an exception thrown and caught takes 64 bytes of a slot
//   memcpy and its kin                        where they are: they push nothing
//
// No function on the worker's stack here calls user code (an exception's destructor runs in __cxa_end_catch, which is not among them).
// On a stack whose limit is 0, a thread's own, all are plain jumps.
//
// Thread: any. Tested in tests/unit/growable.
#include "instrumentation/wire/stack_segment_offsets.h"
#include "runtime/switch/worker_offsets.h"

// Leaves for the worker's stack: rbx keeps the coroutine's.
.macro ON_WORKER_STACK name
    .globl  __wrap_\name
    .type   __wrap_\name, @function
    .p2align 4
__wrap_\name:
    .cfi_startproc
    cmpq    $0, %fs:COROSCOPE_STACK_LIMIT_TLS
    je      1f
    pushq   %rbx
    .cfi_def_cfa_offset 16
    .cfi_offset %rbx, -16
    pushq   %fs:COROSCOPE_STACK_LIMIT_TLS
    .cfi_def_cfa_offset 24
    movq    %rsp, %rbx
    .cfi_def_cfa_register %rbx
    movq    cprime_current_worker@gottpoff(%rip), %rax
    movq    %fs:(%rax), %rax
    movq    CPRIME_WORKER_STACK_TOP(%rax), %rsp
.endm
.macro END name
1:  jmp     __real_\name
    .cfi_endproc
    .size   __wrap_\name, . - __wrap_\name
.endm

// Comes back: what runs there must not grow, and the limit is put back.
.macro RETURNING name
    ON_WORKER_STACK \name
    movq    $0, %fs:COROSCOPE_STACK_LIMIT_TLS
    call    __real_\name
    movq    %rbx, %rsp
    .cfi_remember_state
    .cfi_def_cfa_register %rsp
    popq    %fs:COROSCOPE_STACK_LIMIT_TLS
    .cfi_def_cfa_offset 16
    popq    %rbx
    .cfi_def_cfa_offset 8
    .cfi_restore %rbx
    ret
    .cfi_restore_state
    .cfi_def_cfa %rsp, 8
    .cfi_restore %rbx
    END     \name
.endm

// Lands in a handler further up, on the coroutine's stack: the limit stays.
.macro UNWINDING name
    ON_WORKER_STACK \name
    call    __real_\name
    ud2
    .cfi_def_cfa %rsp, 8
    .cfi_restore %rbx
    END     \name
.endm

.macro PUSHES_NOTHING name
    .globl  __wrap_\name
    .type   __wrap_\name, @function
    .p2align 4
__wrap_\name:
    .cfi_startproc
    jmp     __real_\name
    .cfi_endproc
    .size   __wrap_\name, . - __wrap_\name
.endm

    .text
    UNWINDING       __cxa_throw
    UNWINDING       __cxa_rethrow
    UNWINDING       _Unwind_Resume
    RETURNING       __cxa_allocate_exception
    RETURNING       __cxa_free_exception
    RETURNING       __cxa_begin_catch
    PUSHES_NOTHING  memcpy
    PUSHES_NOTHING  memmove
    PUSHES_NOTHING  memset
    PUSHES_NOTHING  memcmp
    PUSHES_NOTHING  strlen

    .section .note.GNU-split-stack, "", @progbits
    .section .note.GNU-no-split-stack, "", @progbits
    .section .note.GNU-stack, "", @progbits
