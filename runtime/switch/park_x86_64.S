// The context switch of CPrime for x86-64 System V.
//
//   void cprime_park(ParkFunction function, void* argument)      the door from user code into the runtime
//   void cprime_enter(Worker* worker, CoroutineRecord* record)   the worker's thread gives its stack up to coroutines
//   void cprime_yield(YieldRequest* request)                     the same as a park that calls cprime_yield_coroutine, without leaving the stack
//   cprime_trampoline                                            where a coroutine starts
//
// A suspended context is one stack pointer, to this frame (wire::SavedFrame, layout 2):
//
//        high   | caller's frame              |
//        rsp+56 | return address = record.rip |   pushed by the caller's `call`
//        rsp+48 | rbp                         |
//        rsp+40 | rbx                         |
//        rsp+32 | r12                         |
//        rsp+24 | r13                         |
//        rsp+16 | r14                         |
//        rsp+8  | r15                         |
//        rsp    | stack limit (%fs:112)       |   <- record.rsp
//
// The stack limit is what the prologues of growable code compare rsp with (stacks/segments.h). It belongs to the context; it is 0
// on a thread's own stack, so that whatever runs there never grows.
//
// Preserved: what a call must preserve. Not preserved, on purpose: the x87 and SSE control words (4.0 instead of 1.9 ns;
// a coroutine that changes its rounding mode sets it back before it parks), signal masks (all workers block the same),
// and everything in thread-local storage: a coroutine may continue on another thread.
//
// A context is continued by `pop rcx; jmp *rcx`: a `ret` would miss in the return predictor each time (9.8 against 1.9 ns).
//
// While cprime_park is on the worker's stack, r12 holds the coroutine's own frame, so that a debugger that stops inside the
// runtime walks on into the user's frames. The worker pointer is kept in rbx: the called function never changes threads.
//
// Sampling: the scheduler sets worker->sampling to 1. The next entry takes a fenced time stamp and makes it 2, the exit of the same
// call takes another and makes it 0. One branch at either end while nothing is sampled.
// The bare switch, which knows no worker, is in bare_switch_x86_64.S.
#include "instrumentation/wire/stack_segment_offsets.h"
#include "runtime/stacks/canary_words.h"
#include "runtime/switch/saved_frame_x86_64.h"
#include "runtime/switch/worker_offsets.h"
#include "instrumentation/wire/coroutine_offsets.h"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define CPRIME_FIBER_ANNOTATIONS 1
#endif

    .text

    .globl  cprime_park
    .type   cprime_park, @function
    .p2align 6
// rdi = function, rsi = argument.
cprime_park:
    .cfi_startproc
    movq    cprime_current_worker@gottpoff(%rip), %rax
    movq    %fs:(%rax), %rax                    // rax = worker
    testq   %rax, %rax
    jz      .Lno_worker
    PUSH_REGISTERS
    PUSH_STACK_LIMIT
    movq    %rax, %rbx                          // rbx = worker, from here to the end
    cmpl    $0, CPRIME_WORKER_SAMPLING(%rbx)
    jne     .Lstamp_in
.Lstamped_in:
    movq    CPRIME_WORKER_CURRENT(%rbx), %rdx
    movq    56(%rsp), %rcx
    movq    $0, %fs:COROSCOPE_STACK_LIMIT_TLS
    movq    %rsp, COROSCOPE_COROUTINE_RSP(%rdx)
    movq    %rcx, COROSCOPE_COROUTINE_RIP(%rdx)
    movq    %rsp, %r12                          // the coroutine's frame
    .cfi_def_cfa %r12, 64
    movq    %rdi, %rbp
    movq    %rsi, %r13
#ifdef CPRIME_FIBER_ANNOTATIONS
    subq    $8, %rsp                            // 16-byte alignment for the call, whatever the caller did
    andq    $-16, %rsp
    movq    %rbx, %rdi
    movq    %rbp, %rsi
    call    cprime_sanitizer_leave_coroutine
#endif
.Lon_worker:
    movq    CPRIME_WORKER_STACK_TOP(%rbx), %rsp
#ifdef CPRIME_FIBER_ANNOTATIONS
    movq    %rbx, %rdi
    call    cprime_sanitizer_on_worker
#endif
    movq    %rbx, %rdi
    movl    CPRIME_WORKER_CURRENT_INDEX(%rbx), %esi
    movq    %r13, %rdx
    call    *%rbp                               // rax = record of the coroutine that runs next
#ifdef CPRIME_FIBER_ANNOTATIONS
    movq    %rax, %r13
    movq    %rbx, %rdi
    movq    %rax, %rsi
    call    cprime_sanitizer_leave_worker
    movq    COROSCOPE_COROUTINE_RSP(%r13), %r12
    leaq    -8(%r12), %rsp
    andq    $-16, %rsp
    movq    %rbx, %rdi
    call    cprime_sanitizer_on_coroutine
    movq    %r13, %rax
#endif
    movq    COROSCOPE_COROUTINE_RSP(%rax), %rsp
    .cfi_def_cfa %rsp, 64
    cmpl    $1, CPRIME_WORKER_SAMPLING(%rbx)
    ja      .Lstamp_out
    POP_STACK_LIMIT
    POP_REGISTERS
    jmp     *%rcx

// A switch that is measured leaves this way: the same, and the stamp right before the jump.
    FRAME_STANDS
.Lstamp_out:
    movq    %rbx, %rsi                          // the worker, where no pop overwrites it
    POP_STACK_LIMIT
    POP_REGISTERS
    lfence
    rdtsc
    lfence
    shlq    $32, %rdx
    orq     %rdx, %rax
    movq    %rax, CPRIME_WORKER_STAMP_OUT(%rsi)
    movl    $0, CPRIME_WORKER_SAMPLING(%rsi)
    jmp     *%rcx

    FRAME_STANDS
.Lstamp_in:
    movl    $2, CPRIME_WORKER_SAMPLING(%rbx)
    lfence
    rdtsc
    lfence
    shlq    $32, %rdx
    orq     %rdx, %rax
    movq    %rax, CPRIME_WORKER_STAMP_IN(%rbx)
    jmp     .Lstamped_in

// A thread that is no worker: function(nullptr, kNoCoroutine, argument) on its own stack.
    FRAME_GONE
.Lno_worker:
    movq    %rdi, %rax
    movq    %rsi, %rdx
    xorl    %edi, %edi
    movl    $-1, %esi
    jmp     *%rax
// Where a fault handler sends a worker (signals/faults.h): rbx = worker, rbp = function, r13 = argument, r12 = a frame; rsp is its own.
    .globl  cprime_fault_landing
    .cfi_def_cfa %r12, 64
cprime_fault_landing:
    movq    $0, %fs:COROSCOPE_STACK_LIMIT_TLS
#ifdef CPRIME_FIBER_ANNOTATIONS
    movq    %rbx, %rdi
    movq    %rbp, %rsi
    call    cprime_sanitizer_leave_coroutine
#endif
    jmp     .Lon_worker
    .cfi_endproc
    .size   cprime_park, . - cprime_park

    .globl  cprime_yield
    .hidden cprime_yield_coroutine
    .hidden cprime_tell_yield
    .type   cprime_yield, @function
    .p2align 6
// rdi = request. One worker, nobody of higher priority, nothing but coroutines in the queue that parked in the ordinary way: the running one goes to
// the queue's end, and the oldest goes on, as give_way() and pick() of scheduler/picking.cpp do it in 220 instructions instead of these 100. Whatever
// is out of the ordinary goes there; who listens is told by cprime_tell_yield. Everything is decided before anything is changed.
//   rax worker, rdx its running coroutine, rcx the next one, esi its index, r8 top, r9 bottom, r10 slots, r11 mask
cprime_yield:
    .cfi_startproc
#ifdef CPRIME_FIBER_ANNOTATIONS
    jmp     .Lyield_slowly
#endif
    movq    cprime_current_worker@gottpoff(%rip), %rax
    movq    %fs:(%rax), %rax
    testq   %rax, %rax
    jz      .Lyield_slowly
    cmpq    $0, CPRIME_WORKER_SAMPLING(%rax)    // and attention beside it
    jne     .Lyield_slowly
    movq    cprime_urgent@GOTPCREL(%rip), %rcx
    cmpl    $0, (%rcx)
    jne     .Lyield_slowly
    movq    CPRIME_WORKER_CURRENT(%rax), %rdx
    testb   $COROSCOPE_COROUTINE_FLAGS_UNUSUAL, COROSCOPE_COROUTINE_FLAGS(%rdx)
    jnz     .Lyield_slowly
    leaq    -56(%rsp), %rcx                     // where its frame will lie: not checked again where it was continued
    cmpq    CPRIME_WORKER_RESUMED_RSP(%rax), %rcx
    jne     .Lyield_slowly
    movq    cprime_canary_pools@GOTPCREL(%rip), %rcx
    movl    (%rcx), %esi
    movzbl  COROSCOPE_COROUTINE_POOL(%rdx), %ecx
    btl     %ecx, %esi
    jc      .Lyield_with_canary
.Lcanaries_stand:
    cmpl    $1, CPRIME_WORKER_PICKS_LEFT(%rax)
    je      .Lyield_slowly
    cmpl    $1, CPRIME_WORKER_PARKS_UNTIL_DEPTH(%rax)
    je      .Lyield_slowly
    cmpl    $-1, CPRIME_WORKER_NEXT(%rax)
    jne     .Lyield_slowly
    movq    CPRIME_WORKER_TOP(%rax), %r8
    movq    CPRIME_WORKER_BOTTOM(%rax), %r9
    cmpq    %r9, %r8
    jge     .Lyield_slowly                      // nobody else
    cmpq    CPRIME_WORKER_ROOM_UNTIL(%rax), %r9
    je      .Lyield_slowly                      // the ring must grow
    movq    CPRIME_WORKER_SLOTS(%rax), %r10
    movq    CPRIME_WORKER_MASK(%rax), %r11
    movq    %r8, %rcx
    andq    %r11, %rcx
    movl    (%r10,%rcx,4), %esi
    movq    %rsi, %rcx
    shlq    $6, %rcx
    addq    CPRIME_WORKER_RECORDS(%rax), %rcx
    testb   $COROSCOPE_COROUTINE_FLAG_NEVER_RAN, COROSCOPE_COROUTINE_FLAGS(%rcx)
    jnz     .Lyield_slowly

    movl    CPRIME_WORKER_CURRENT_INDEX(%rax), %edi
    decl    CPRIME_WORKER_PICKS_LEFT(%rax)
    PUSH_REGISTERS
    PUSH_STACK_LIMIT
    movq    %r9, %rbx                           // push: the slot, then bottom [deque.publish]
    andq    %r11, %rbx
    movl    %edi, (%r10,%rbx,4)
    incq    %r9
    movq    %r9, CPRIME_WORKER_BOTTOM(%rax)
    incq    %r8                                 // take_oldest, alone
    movq    %r8, CPRIME_WORKER_TOP(%rax)
    movq    CPRIME_WORKER_EH_GLOBALS(%rax), %rdi
    movq    56(%rsp), %rbx
    movq    (%rdi), %r12
    movl    8(%rdi), %ebp
    movq    %rsp, COROSCOPE_COROUTINE_RSP(%rdx)
    movq    %rbx, COROSCOPE_COROUTINE_RIP(%rdx)
    movq    %r12, COROSCOPE_COROUTINE_CAUGHT(%rdx)
    movl    %ebp, COROSCOPE_COROUTINE_UNCAUGHT(%rdx)
    movw    $COROSCOPE_COROUTINE_STATE_YIELDED, COROSCOPE_COROUTINE_STATE(%rdx)
    incl    COROSCOPE_COROUTINE_SEQUENCE(%rdx)  // even [coroutine.sequence]; stores are not reordered
    incl    COROSCOPE_COROUTINE_SEQUENCE(%rcx)  // odd
    movw    $COROSCOPE_COROUTINE_STATE_RUNNING, COROSCOPE_COROUTINE_STATE(%rcx)
    movq    COROSCOPE_COROUTINE_CAUGHT(%rcx), %r12
    movl    COROSCOPE_COROUTINE_UNCAUGHT(%rcx), %ebp
    movq    %r12, (%rdi)
    movl    %ebp, 8(%rdi)
    movq    _ZN9coroscope4emit8g_listenE@GOTPCREL(%rip), %rdi
    cmpl    $0, (%rdi)
    jne     .Lyield_told
.Ltold:
    movq    %rcx, CPRIME_WORKER_CURRENT(%rax)
    movl    %esi, CPRIME_WORKER_CURRENT_INDEX(%rax)
    movq    $0, CPRIME_WORKER_SLICE_BEGAN(%rax)
    movq    CPRIME_WORKER_SHOWN(%rax), %rdi
    movl    %esi, COROSCOPE_WORKER_CURRENT(%rdi)
    incq    COROSCOPE_WORKER_SWITCHES(%rdi)
    movq    %r8, %rdi                           // who follows, and its stack: asked for in time. After the push there is somebody
    andq    %r11, %rdi
    movl    (%r10,%rdi,4), %edi
    shlq    $6, %rdi
    addq    CPRIME_WORKER_RECORDS(%rax), %rdi
    movq    COROSCOPE_COROUTINE_RSP(%rdi), %rbx
    prefetcht0 (%rbx)
    prefetcht0 64(%rbx)
    leaq    1(%r8), %rdi                        // and the one after; a slot that nobody stands in names a record that is there
    andq    %r11, %rdi
    movl    (%r10,%rdi,4), %edi
    shlq    $6, %rdi
    addq    CPRIME_WORKER_RECORDS(%rax), %rdi
    prefetcht0 (%rdi)
    movq    COROSCOPE_COROUTINE_RSP(%rcx), %rsp
    movq    %rsp, CPRIME_WORKER_RESUMED_RSP(%rax)
    POP_STACK_LIMIT
    POP_REGISTERS
    jmp     *%rcx

// Somebody listens: the events are told on the worker's stack, in between. Before anybody sees who is the current coroutine now, since a ring
// opens with that [WorkerRecord::current].
    FRAME_STANDS
.Lyield_told:
    movq    %rax, %rbx
    movq    %rcx, %r13
    movl    %esi, %r14d
    movq    %r8, %r15
    movq    %rsp, %r12                          // the coroutine's frame, as in cprime_park
    .cfi_def_cfa %r12, 64
    movq    $0, %fs:COROSCOPE_STACK_LIMIT_TLS
    movq    CPRIME_WORKER_STACK_TOP(%rax), %rsp
    movq    %rax, %rdi
    movl    %esi, %edx
    movl    CPRIME_WORKER_CURRENT_INDEX(%rax), %esi
    call    cprime_tell_yield
    movq    %r12, %rsp
    .cfi_def_cfa %rsp, 64
    movq    %rbx, %rax
    movq    %r13, %rcx
    movl    %r14d, %esi
    movq    %r15, %r8
    movq    CPRIME_WORKER_SLOTS(%rax), %r10
    movq    CPRIME_WORKER_MASK(%rax), %r11
    jmp     .Ltold

    FRAME_GONE
// A Micro slot: its canary, and that of the slot below, which lies on the same page or is not looked at here. Where a word is not as it should
// be the long way finds out why.
    .macro CANARY_STANDS offset                 // of the slot whose lowest address is r8
    leaq    \offset(%r8), %r9
    movabsq $CPRIME_CANARY_FIRST, %r10
    xorq    %r9, %r10
    cmpq    %r10, (%r9)
    jne     .Lyield_slowly
    movabsq $CPRIME_CANARY_SECOND, %r10
    xorq    %r9, %r10
    cmpq    %r10, 8(%r9)
    jne     .Lyield_slowly
    .endm
.Lyield_with_canary:
    cmpl    $CPRIME_MICRO_POOL, %ecx
    jne     .Lyield_slowly
    leaq    -64(%rsp), %r8
    andq    $-CPRIME_MICRO_SLOT_BYTES, %r8
    testq   $0xfff, %r8
    jz      .Lyield_slowly
    cmpb    $0, _ZN6cprime6detail13g_on_valgrindE(%rip)  // wants to be told first
    jne     .Lyield_slowly
    CANARY_STANDS 0
    CANARY_STANDS -CPRIME_MICRO_SLOT_BYTES
    jmp     .Lcanaries_stand

.Lyield_slowly:
    movq    %rdi, %rsi
    leaq    cprime_yield_coroutine(%rip), %rdi
    jmp     cprime_park
    .cfi_endproc
    .size   cprime_yield, . - cprime_yield

    .globl  cprime_enter
    .type   cprime_enter, @function
    .p2align 6
// rdi = worker, rsi = record of the coroutine to run first. Returns when a runtime function answers with the worker's home
// record. Runtime functions run on this stack, below the frame saved here.
cprime_enter:
    .cfi_startproc
    PUSH_REGISTERS
    PUSH_STACK_LIMIT
    movq    %rsp, CPRIME_WORKER_HOME_RSP(%rdi)
    leaq    -64(%rsp), %rax
    andq    $-16, %rax
    movq    %rax, CPRIME_WORKER_STACK_TOP(%rdi)
#ifdef CPRIME_FIBER_ANNOTATIONS
    movq    %rdi, %rbx
    movq    %rsi, %r13
    movq    %rsp, %r12
    .cfi_def_cfa %r12, 64
    movq    %rax, %rsp
    call    cprime_sanitizer_leave_worker
    movq    COROSCOPE_COROUTINE_RSP(%r13), %r12
    leaq    -8(%r12), %rsp
    andq    $-16, %rsp
    movq    %rbx, %rdi
    call    cprime_sanitizer_on_coroutine
    movq    %r13, %rsi
#endif
    movq    COROSCOPE_COROUTINE_RSP(%rsi), %rsp
    .cfi_def_cfa %rsp, 64
    POP_STACK_LIMIT
    POP_REGISTERS
    jmp     *%rcx
    .cfi_endproc
    .size   cprime_enter, . - cprime_enter

    .hidden cprime_exit_coroutine               // its address is taken below: the runtime may be part of a shared library
    .hidden cprime_keep_escaped
    .globl  cprime_trampoline
    .type   cprime_trampoline, @function
    .p2align 4
// First activation: rbx = entry function, r12 = its argument; rsp is a multiple of 16. There is no caller: the end of every
// stack. The nop keeps the label's address - 1, which is where unwinders look a return address up, inside this function.
// An exception that escapes the entry function ends here: it is kept for the joiner by a function that gets room of its own, so that
// entry functions need no handler, whose calls would want that room on the coroutine's slot.
.Ltrampoline:
    .cfi_startproc
    .cfi_personality 0x9b, DW.ref.__gxx_personality_v0
    .cfi_lsda 0x1b, .Ltrampoline_lsda
    .cfi_undefined %rip
    nop
cprime_trampoline:
    movq    %r12, %rdi
.Lentry_begin:
    call    *%rbx
.Lentry_end:
.Lended:
    leaq    cprime_exit_coroutine(%rip), %rdi
    xorl    %esi, %esi
    call    cprime_park
    ud2
.Lescaped:                                      // rax = the exception
    leaq    cprime_keep_escaped(%rip), %rdi
    movq    %rax, %rsi
    movl    $COROSCOPE_ORDINARY_CALL_BYTES, %edx
    call    cprime_call_on_bigger_stack
    jmp     .Lended
    .cfi_endproc
    .size   cprime_trampoline, . - cprime_trampoline

    .section .gcc_except_table, "a", @progbits
    .p2align 2
.Ltrampoline_lsda:
    .byte   0xff                                // landing pads relative to the function
    .byte   0x03                                // types: 4 bytes
    .uleb128 .Ltypes - .Ltypes_from
.Ltypes_from:
    .byte   0x01                                // call sites: uleb128
    .uleb128 .Lsites_end - .Lsites
.Lsites:
    .uleb128 .Lentry_begin - .Ltrampoline
    .uleb128 .Lentry_end - .Lentry_begin
    .uleb128 .Lescaped - .Ltrampoline
    .uleb128 1                                  // the first action
.Lsites_end:
    .byte   1, 0                                // it catches type 1; no further action
    .p2align 2
    .long   0                                   // type 1: everything
.Ltypes:

    .hidden DW.ref.__gxx_personality_v0
    .weak   DW.ref.__gxx_personality_v0
    .section .data.rel.local.DW.ref.__gxx_personality_v0, "awG", @progbits, DW.ref.__gxx_personality_v0, comdat
    .p2align 3
    .type   DW.ref.__gxx_personality_v0, @object
    .size   DW.ref.__gxx_personality_v0, 8
DW.ref.__gxx_personality_v0:
    .quad   __gxx_personality_v0
    .text

    .globl  cprime_park_end
    .type   cprime_park_end, @notype
cprime_park_end:

#ifdef CPRIME_GDB_SCRIPT
// gdb finds in the program itself how to list coroutines (`info coroutines`), once it may run scripts of it:
//     set auto-load safe-path PATH
// The first line is a name for messages. Not part of what is loaded into memory.
    .section .debug_gdb_scripts, "MS", @progbits, 1
    .byte   4                                   // the script itself, in Python
    .ascii  "coroscope-gdb.py\n"
    .incbin CPRIME_GDB_SCRIPT
    .byte   0
    .text
#endif

// To the linker these functions keep to the room that growable code has below its limit (64 bytes): it need not ask for more.
    .section .note.GNU-split-stack, "", @progbits
    .section .note.GNU-no-split-stack, "", @progbits
    .section .note.GNU-stack, "", @progbits
