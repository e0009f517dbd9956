// CPrime: stackful coroutines whose stacks never move, observable by Coroscope.
//
// Everything a program needs, in one header. In parts: runtime.h (enter), spawn.h (make and join coroutines), this_coroutine.h (yield, sleep,
// suspend), deadline.h (deadlines and ticks), blocking.h (calls that block a thread), coroutine.h (coroutines resumed by hand), any_coroutine.h
// (all kinds in one container), micro_pool.h (stacks in your own memory), bigger_stack.h (room for a deep call), channel.h (talk), select.h
// (to several at once), broadcast.h (to everybody), call_channel.h (ask, and be answered), spawn_after.h (make later), cancel_token.h (end many by
// one word), nursery.h (coroutines that do not outlive a block), channel_pattern.h (stacks by what a coroutine does with channels), rights.h (views
// of a service), snapshot.h (a state replaced as a whole), mutex.h, shared_mutex.h, condition_variable.h, semaphore.h, barrier.h, latch.h, event.h,
// once.h (synchronise), signal.h (signals as coroutines), direct_signal.h (as plain functions), app_signal.h, catch_signals.h and out_of_memory.h
// (the program's own), fault.h (to go on after a fault), defer.h (what is done however a scope is left), shutdown.h (what to finish first),
// scheduling_policy.h and policies.h (the order in which coroutines run), schedulable.h and hand_scheduler.h (one scheduler for kinds of one's
// own), coroutine_view.h (what one does now), idle.h (those that wait for too long), result.h (what calls that wait give back), pool_config.h and
// pools.h (how many stacks, and whose memory goes back), tell.h (zones, messages, counters and notes for who looks at it). C: co.h.
#pragma once

#include "cprime/any_coroutine.h"
#include "cprime/any_signal.h"
#include "cprime/app_signal.h"
#include "cprime/barrier.h"
#include "cprime/bigger_stack.h"
#include "cprime/blocking.h"
#include "cprime/broadcast.h"
#include "cprime/call_channel.h"
#include "cprime/cancel_token.h"
#include "cprime/catch_signals.h"
#include "cprime/channel.h"
#include "cprime/channel_pattern.h"
#include "cprime/condition_variable.h"
#include "cprime/coroutine.h"
#include "cprime/coroutine_view.h"
#include "cprime/deadline.h"
#include "cprime/defer.h"
#include "cprime/direct_signal.h"
#include "cprime/event.h"
#include "cprime/fault.h"
#include "cprime/hand_scheduler.h"
#include "cprime/idle.h"
#include "cprime/latch.h"
#include "cprime/micro_pool.h"
#include "cprime/mutex.h"
#include "cprime/nursery.h"
#include "cprime/once.h"
#include "cprime/out_of_memory.h"
#include "cprime/place.h"
#include "cprime/policies.h"
#include "cprime/pool_config.h"
#include "cprime/pools.h"
#include "cprime/priority.h"
#include "cprime/result.h"
#include "cprime/rights.h"
#include "cprime/runtime.h"
#include "cprime/schedulable.h"
#include "cprime/scheduling_policy.h"
#include "cprime/select.h"
#include "cprime/semaphore.h"
#include "cprime/shared_mutex.h"
#include "cprime/shutdown.h"
#include "cprime/signal.h"
#include "cprime/snapshot.h"
#include "cprime/spawn.h"
#include "cprime/spawn_after.h"
#include "cprime/tell.h"
#include "cprime/this_coroutine.h"
