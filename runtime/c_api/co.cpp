// The C interface (cprime/co.h) over the C++ runtime.
//
// The header cannot be included here: in C++20 co_yield is a keyword. Its functions are declared anew, and co_layout.h keeps
// the two sides in step.
//
// Thread: co_init, co_run and the end of the process: threads that are no workers; the rest: any.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <mutex>

#include "cprime/runtime.h"
#include "cprime/spawn.h"
#include "runtime/c_api/co_layout.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/parking.h"

namespace cprime::detail {
namespace {

constexpr int kOk = 0;
constexpr int kError = -1;

static_assert(offsetof(YieldRequest, status) == CPRIME_CO_YIELD_STATUS &&
              sizeof(YieldRequest) == CPRIME_CO_YIELD_BYTES);
static_assert(offsetof(SleepRequest, ns) == CPRIME_CO_SLEEP_DURATION);
static_assert(offsetof(SleepRequest, status) == CPRIME_CO_SLEEP_STATUS &&
              sizeof(SleepRequest) == CPRIME_CO_SLEEP_BYTES);
static_assert(offsetof(JoinRequest, target) == CPRIME_CO_JOIN_COROUTINE);
static_assert(offsetof(JoinRequest, identity) == CPRIME_CO_JOIN_IDENTITY);
static_assert(offsetof(JoinRequest, status) == CPRIME_CO_JOIN_STATUS &&
              sizeof(JoinRequest) <= CPRIME_CO_JOIN_BYTES);

// struct co_place.
struct CoPlace {
    const char* file;
    const char* function;
    unsigned line;
    unsigned column;
};
static_assert(offsetof(CoPlace, line) == CPRIME_CO_PLACE_LINE &&
              offsetof(CoPlace, column) == CPRIME_CO_PLACE_COLUMN);

struct Co {
    std::uint64_t identity;
    std::uint32_t coroutine;
};

std::unique_ptr<Runtime> g_co_runtime;  // from co_init to co_run or the end of the process
std::mutex g_co_lock;                   // guards g_co_runtime

void end_at_exit() {
    const std::lock_guard<std::mutex> hold(g_co_lock);
    g_co_runtime.reset();
}

}  // namespace
}  // namespace cprime::detail

using namespace cprime::detail;

extern "C" {

int co_init() {
    const std::lock_guard<std::mutex> hold(g_co_lock);
    if (g_runtime != nullptr) return kOk;
    try {
        g_co_runtime = std::make_unique<cprime::Runtime>();
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "cprime: co_init failed: %s\n", failure.what());
        return kError;
    }
    static const int registered = std::atexit(&end_at_exit);
    static_cast<void>(registered);
    return kOk;
}

void* co_spawn_at(const CoPlace* place, const char* name, std::uint32_t size, void (*function)(void*), void* argument) {
    if (g_runtime == nullptr) return nullptr;
    SpawnRequest request;
    request.name = name;
    request.place = cprime::Place(place->file, place->function, place->line, place->column);
    constexpr std::uint32_t kLargestClass = 4;  // CO_LARGE
    if (size <= kLargestClass) {
        request.wish = static_cast<std::uint8_t>(size);
    } else {
        request.stack_bytes = size;
    }
    request.flags = kSpawnHandle;
    try {
        auto co = std::make_unique<Co>();
        spawn_closure(request, [function, argument] { function(argument); });
        *co = {request.identity, request.coroutine};
        return co.release();
    } catch (const std::exception&) {
        return nullptr;
    }
}

void co_detach(void* co) {
    if (co == nullptr) return;
    const std::unique_ptr<Co> owned(static_cast<Co*>(co));
    HandleRequest request{owned->coroutine, owned->identity, false};
    park(&drop_handle, &request);
}

int co_run() {
    if (g_runtime == nullptr || cprime::this_id() != 0) return kError;
    const std::lock_guard<std::mutex> hold(g_co_lock);
    if (g_co_runtime == nullptr) return kError;
    g_co_runtime->wait();
    g_co_runtime.reset();
    return kOk;
}

void* cprime_co_yield(Worker* worker, std::uint32_t coroutine, void* call) noexcept {
    return cprime_yield_coroutine(worker, coroutine, call);
}
void* cprime_co_sleep(Worker* worker, std::uint32_t coroutine, void* call) noexcept {
    static_cast<SleepRequest*>(call)->absolute = false;  // C's struct ends before it
    return sleep_coroutine(worker, coroutine, call);
}
void* cprime_co_join(Worker* worker, std::uint32_t coroutine, void* call) noexcept {
    return join_coroutine(worker, coroutine, call);
}

}  // extern "C"
