package main

import "time"

// One goroutine sends numbers, one receives them.
func passThrough(channel chan uint64, count uint64) measured {
	received := make(chan uint64)
	begin := time.Now()
	go func() {
		for i := uint64(0); i < count; i++ {
			channel <- i
		}
		close(channel)
	}()
	go func() {
		var sum uint64
		for value := range channel {
			sum += value
		}
		received <- sum
	}()
	sum := <-received
	elapsed := time.Since(begin)
	if sum != count*(count-1)/2 {
		return measured{}
	}
	return measured{elapsed: elapsed, operations: count}
}
