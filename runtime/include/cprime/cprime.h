// CPrime: stackful coroutines whose stacks never move, observable by Coroscope.
//
// Everything a program needs, in one header. In parts: runtime.h (enter), spawn.h (make and join coroutines), this_coroutine.h
// (yield, sleep), channel.h (talk), signal.h (signals as coroutines), result.h (what calls that wait give back), pool_config.h and
// pools.h (how many stacks there are, and whose memory goes back). C: co.h.
#pragma once

#include "cprime/channel.h"
#include "cprime/place.h"
#include "cprime/pool_config.h"
#include "cprime/pools.h"
#include "cprime/result.h"
#include "cprime/runtime.h"
#include "cprime/signal.h"
#include "cprime/spawn.h"
#include "cprime/this_coroutine.h"
