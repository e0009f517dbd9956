package main

import (
	"runtime"
	"time"
)

// Starting goroutines that wait for one channel, and sending each of them a message. The clock runs until all wait; then the messages go
// round, and then memory is counted.
func cold(count uint64) measured {
	empty := readStatus()
	channel := make(chan uint64)
	var waiting, sum, received, ended uint64 // one P: whoever runs is alone
	begin := time.Now()
	for i := uint64(0); i < count; i++ {
		go func() {
			waiting++
			for message := range channel {
				sum += message
				received++
			}
			ended++
		}()
		if i%64 == 0 { // as on our side: no long run queue
			runtime.Gosched()
		}
	}
	for waiting != count {
		runtime.Gosched()
	}
	elapsed := time.Since(begin)
	for i := uint64(0); i < count; i++ {
		channel <- i
	}
	for received != count {
		runtime.Gosched()
	}
	full := readStatus()
	if ended != 0 || sum != count*(count-1)/2 {
		return measured{}
	}
	result := memoryResult(empty, full, count)
	result.elapsed = elapsed
	close(channel)
	for ended != count {
		runtime.Gosched()
	}
	return result
}
