// Fiber: a stack of its own for a thread of the model, which is left at each step and may be abandoned anywhere.
//
// Nothing is unwound when a fiber is abandoned; its stack is used again. x86-64 only, as the runtime.
#pragma once

#include <cstddef>

namespace model {

class Fiber {
public:
    Fiber();
    Fiber(const Fiber&) = delete;
    Fiber& operator=(const Fiber&) = delete;
    ~Fiber();

    // The next resume() begins with function(argument) on the empty stack; it must end with suspend(), never return.
    void start(void (*function)(void*), void* argument);
    // Runs the fiber until it calls suspend(). Not from within a fiber.
    void resume();
    // Goes back to the resume() that runs this fiber.
    void suspend();

private:
    static void enter();

    std::byte* stack_ = nullptr;
    void* inside_ = nullptr;   // stack pointer of the fiber while it does not run
    void* outside_ = nullptr;  // stack pointer of who resumed it
    void (*function_)(void*) = nullptr;
    void* argument_ = nullptr;
};

}  // namespace model
