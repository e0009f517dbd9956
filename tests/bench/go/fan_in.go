package main

import (
	"runtime"
	"sync/atomic"
	"time"
)

// Ten thousand goroutines send to one. The clock runs from when all have begun until the last message is here.
func fanIn(count uint64) measured {
	const senders = 10000
	each := count/senders + 1
	messages := senders * each
	channel := make(chan uint64)
	var ready, ended atomic.Uint64
	for i := uint64(0); i < senders; i++ {
		go func(first uint64) {
			ready.Add(1)
			for value := first; value < first+each; value++ {
				channel <- value
			}
			ended.Add(1)
		}(i * each)
	}
	for ready.Load() != senders {
		runtime.Gosched()
	}
	var sum uint64
	begin := time.Now()
	for i := uint64(0); i < messages; i++ {
		sum += <-channel
	}
	elapsed := time.Since(begin)
	for ended.Load() != senders {
		runtime.Gosched()
	}
	if sum != messages*(messages-1)/2 {
		return measured{}
	}
	return measured{elapsed: elapsed, operations: messages}
}
