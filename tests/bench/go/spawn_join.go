package main

import (
	"sync"
	"time"
)

// Goroutines that end at once, joined one by one.
func spawnJoin(count uint64) measured {
	var ran uint64
	var done sync.WaitGroup
	begin := time.Now()
	for i := uint64(0); i < count; i++ {
		done.Add(1)
		go func() {
			ran++
			done.Done()
		}()
		done.Wait()
	}
	return measured{elapsed: time.Since(begin), operations: ran}
}

// The same, a thousand at a time.
func spawnJoinBatch(count uint64) measured {
	const batch = 1000
	var ran uint64
	var done sync.WaitGroup
	begin := time.Now()
	for i := uint64(0); i < count/batch+1; i++ {
		done.Add(batch)
		for n := 0; n < batch; n++ {
			go func() {
				ran++
				done.Done()
			}()
		}
		done.Wait()
	}
	return measured{elapsed: time.Since(begin), operations: ran}
}
