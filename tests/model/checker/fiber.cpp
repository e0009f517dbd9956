#include "fiber.h"

#include <sys/mman.h>

#include "instrumentation/base/check.h"

// void model_fiber_switch(void** save, void* load): pushes the registers that a call preserves, leaves the stack pointer in
// *save, and goes on where `load` was left in the same way. MXCSR and the x87 control word are not switched: nobody here changes them.
asm(R"(
    .text
    .globl model_fiber_switch
    .hidden model_fiber_switch
    .type model_fiber_switch, @function
model_fiber_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .size model_fiber_switch, . - model_fiber_switch
)");
extern "C" void model_fiber_switch(void** save, void* load);

namespace model {
namespace {

constexpr std::size_t kStackBytes = 256 << 10;
constexpr std::size_t kGuardBytes = 4 << 10;
constexpr std::size_t kSavedRegisters = 6;
Fiber* running = nullptr;

}  // namespace

Fiber::Fiber() {
    void* const memory = mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(memory != MAP_FAILED);
    CHECK(mprotect(memory, kGuardBytes, PROT_NONE) == 0);
    stack_ = static_cast<std::byte*>(memory);
}

Fiber::~Fiber() {
    munmap(stack_, kStackBytes);
}

void Fiber::start(void (*function)(void*), void* argument) {
    function_ = function;
    argument_ = argument;
    void** top = reinterpret_cast<void**>(stack_ + kStackBytes);
    *--top = nullptr;  // enter()'s return address, so that rsp + 8 is a multiple of 16 there, as after a call
    *--top = reinterpret_cast<void*>(&Fiber::enter);
    for (std::size_t i = 0; i < kSavedRegisters; ++i)
        *--top = nullptr;
    inside_ = top;
}

void Fiber::enter() {
    running->function_(running->argument_);
    CHECK(false && "a fiber returned");
}

void Fiber::resume() {
    running = this;
    model_fiber_switch(&outside_, inside_);
}

void Fiber::suspend() {
    model_fiber_switch(&inside_, outside_);
}

}  // namespace model
