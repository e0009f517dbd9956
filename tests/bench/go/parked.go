package main

import (
	"fmt"
	"os"
	"strings"
	"sync"
)

// Bytes of one line of /proc/self/status.
func statusBytes(status, key string) int64 {
	var kib int64
	at := strings.Index(status, key)
	if at < 0 {
		return 0
	}
	fmt.Sscan(status[at+len(key):], &kib)
	return kib * 1024
}

func readStatus() string {
	status, problem := os.ReadFile("/proc/self/status")
	if problem != nil {
		return ""
	}
	return string(status)
}

// What `count` waiting goroutines added to an empty program.
func memoryResult(empty, full string, count uint64) measured {
	maps, problem := os.ReadFile("/proc/self/maps")
	if empty == "" || full == "" || problem != nil {
		return measured{}
	}
	grown := func(key string) float64 {
		return float64(statusBytes(full, key)-statusBytes(empty, key)) / float64(count)
	}
	rss, tables := grown("VmRSS:"), grown("VmPTE:")
	extra := fmt.Sprintf(" bytes %g rss_bytes %g page_table_bytes %g of_rss_shmem_bytes %g maps %d", rss+tables, rss, tables,
		grown("RssShmem:"), strings.Count(string(maps), "\n"))
	return measured{operations: count, extra: extra}
}

// Goroutines that wait for one channel, and what memory each has added meanwhile.
func parked(count uint64) measured {
	empty := readStatus()
	channel := make(chan uint64)
	var ready, done sync.WaitGroup
	ready.Add(int(count))
	done.Add(int(count))
	for i := uint64(0); i < count; i++ {
		go func() {
			ready.Done()
			<-channel
			done.Done()
		}()
	}
	ready.Wait() // with one P whoever said ready waits for the channel before anybody else runs
	full := readStatus()
	close(channel)
	done.Wait()
	return memoryResult(empty, full, count)
}
