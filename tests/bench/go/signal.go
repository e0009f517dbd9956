package main

import (
	"fmt"
	"os"
	"os/signal"
	"sort"
	"syscall"
	"time"
)

// A goroutine sends its own process a signal, and waits until the one that signal.Notify tells says when it was told.
func signalLatency(count uint64) measured {
	arrived := make(chan os.Signal, 1)
	signal.Notify(arrived, syscall.SIGUSR1)
	begun := make(chan time.Time, 1)
	go func() {
		for range arrived {
			begun <- time.Now()
		}
	}()
	each := make([]time.Duration, 0, count)
	var sum time.Duration
	pid := os.Getpid()
	for i := uint64(0); i < count; i++ {
		sent := time.Now()
		if syscall.Kill(pid, syscall.SIGUSR1) != nil {
			return measured{}
		}
		took := (<-begun).Sub(sent)
		each = append(each, took)
		sum += took
	}
	signal.Stop(arrived)
	close(arrived)
	sort.Slice(each, func(i, j int) bool { return each[i] < each[j] })
	at := func(percent uint64) int64 { return each[(count-1)*percent/100].Nanoseconds() }
	return measured{sum, count, fmt.Sprintf(" least %d median %d p99 %d", at(0), at(50), at(99))}
}
