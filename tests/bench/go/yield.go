package main

import (
	"runtime"
	"sync"
	"time"
)

// Goroutines that do nothing but let the next one run.
func yieldAmong(goroutines int, count uint64) measured {
	each := count/uint64(goroutines) + 1
	var begin time.Time
	var elapsed time.Duration
	var all sync.WaitGroup
	all.Add(goroutines)
	for i := 0; i < goroutines; i++ {
		go func() {
			runtime.Gosched() // everybody has started when the clock does
			if begin.IsZero() {
				begin = time.Now()
			}
			for n := uint64(0); n < each; n++ {
				runtime.Gosched()
			}
			if elapsed == 0 {
				elapsed = time.Since(begin)
			}
			all.Done()
		}()
	}
	all.Wait()
	return measured{elapsed: elapsed, operations: each * uint64(goroutines)}
}
