package main

import (
	"sync/atomic"
	"time"
)

// As runner/timer_plan.h: deadlines lie in no order within 10 ms after the first, which is 2 µs a timer after the begin; counted is
// arming and firing, not the wait between.
const (
	armingNs = 2000
	windowNs = 10000000
	stride   = 7654321
)

// Timers that call a function, the way that Go documents for many of them.
func timersFire(count uint64) measured {
	var fired atomic.Uint64
	all := make(chan time.Time, 1)
	begin := time.Now()
	first := time.Duration(armingNs * count)
	fire := func() {
		if fired.Add(1) == count {
			all <- time.Now()
		}
	}
	for i := uint64(0); i < count; i++ {
		time.AfterFunc(first+time.Duration(i*stride%windowNs)-time.Since(begin), fire)
	}
	armed := time.Since(begin)
	elapsed := (<-all).Sub(begin)
	if fired.Load() != count || elapsed < first {
		return measured{}
	}
	if idle := first - armed; idle > 0 {
		elapsed -= idle
	}
	return measured{elapsed: elapsed, operations: count}
}

// Timers that are stopped before they fire.
func timersCancelled(count uint64) measured {
	timers := make([]*time.Timer, 0, count)
	var fired atomic.Uint64
	begin := time.Now()
	for i := uint64(0); i < count; i++ {
		timers = append(timers, time.AfterFunc(time.Hour, func() { fired.Add(1) }))
	}
	var stopped uint64
	for _, timer := range timers {
		if timer.Stop() {
			stopped++
		}
	}
	elapsed := time.Since(begin)
	if fired.Load() != 0 || stopped != count {
		return measured{}
	}
	return measured{elapsed: elapsed, operations: count}
}
