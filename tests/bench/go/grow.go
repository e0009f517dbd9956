package main

import "time"

//go:noinline
func frame(value int) byte {
	var bytes [3000]byte // more than a new goroutine's stack has left
	bytes[value] = 1
	return bytes[value/2] + bytes[value]
}

// The first call that does not fit on a new goroutine's stack: its frames are copied to a larger one. Only the call is counted.
func growFirst(count uint64) measured {
	var elapsed time.Duration
	done := make(chan byte)
	for i := uint64(0); i < count; i++ {
		go func() {
			begin := time.Now()
			result := frame(1)
			elapsed += time.Since(begin)
			done <- result
		}()
		<-done
	}
	return measured{elapsed: elapsed, operations: count}
}
