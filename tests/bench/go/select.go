package main

import "time"

// Two goroutines send numbers, each on a channel of its own; one receives from whichever has some.
func selectOfTwo(count uint64) measured {
	each := count/2 + 1
	one, other, received := make(chan uint64), make(chan uint64), make(chan uint64)
	send := func(channel chan uint64, first uint64) {
		for i := first; i < first+each; i++ {
			channel <- i
		}
	}
	begin := time.Now()
	go send(one, 0)
	go send(other, each)
	go func() {
		var sum uint64
		for i := uint64(0); i < 2*each; i++ {
			select {
			case value := <-one:
				sum += value
			case value := <-other:
				sum += value
			}
		}
		received <- sum
	}()
	sum := <-received
	elapsed := time.Since(begin)
	if sum != each*(2*each-1) {
		return measured{}
	}
	return measured{elapsed: elapsed, operations: 2 * each}
}
