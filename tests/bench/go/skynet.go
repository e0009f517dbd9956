package main

import "time"

// Each goroutine makes ten others, down to a million; each leaf sends its number to its parent, each parent the sum of what its ten sent.
func skynetNode(out chan uint64, first, leaves uint64) {
	if leaves == 1 {
		out <- first
		return
	}
	in := make(chan uint64)
	each := leaves / 10
	for i := uint64(0); i < 10; i++ {
		go skynetNode(in, first+i*each, each)
	}
	var sum uint64
	for i := 0; i < 10; i++ {
		sum += <-in
	}
	out <- sum
}

// As runner/skynet.h: as many leaves as the largest power of ten that is not above count.
func skynet(count uint64) measured {
	leaves := uint64(10)
	for leaves <= count/10 {
		leaves *= 10
	}
	out := make(chan uint64)
	begin := time.Now()
	go skynetNode(out, 0, leaves)
	sum := <-out
	elapsed := time.Since(begin)
	if sum != leaves*(leaves-1)/2 {
		return measured{}
	}
	return measured{elapsed: elapsed, operations: leaves}
}
