// CPrime: stackful coroutines whose stacks never move, observable by Coroscope.
//
// Everything a program needs, in one header. In parts: runtime.h (enter), spawn.h (make and join coroutines), this_coroutine.h
// (yield, sleep), bigger_stack.h (room for a deep call), channel.h (talk), signal.h (signals as coroutines), result.h (what calls that wait give back). C: co.h.
#pragma once

#include "cprime/bigger_stack.h"
#include "cprime/channel.h"
#include "cprime/place.h"
#include "cprime/result.h"
#include "cprime/runtime.h"
#include "cprime/signal.h"
#include "cprime/spawn.h"
#include "cprime/this_coroutine.h"
