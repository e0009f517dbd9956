// The Go half of the talk between driver and runner (runner/runner.h says what is said). One P, as all peers have one worker, unless
// GOMAXPROCS says otherwise: most workloads count without atomics, and are asked of one P only.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// What a workload did. Operations of 0 mean that its own check failed.
type measured struct {
	elapsed    time.Duration
	operations uint64
	extra      string
}

var workloads = map[string]func(count uint64) measured{
	"yield_2":              func(count uint64) measured { return yieldAmong(2, count) },
	"yield_1000":           func(count uint64) measured { return yieldAmong(1000, count) },
	"spawn_join":           spawnJoin,
	"spawn_join_1000":      spawnJoinBatch,
	"channel_unbuffered":   func(count uint64) measured { return passThrough(make(chan uint64), count) },
	"channel_buffered_128": func(count uint64) measured { return passThrough(make(chan uint64, 128), count) },
	"select_2":             selectOfTwo,
	"fan_in_10k":           fanIn,
	"timers_fire":          timersFire,
	"timers_cancelled":     timersCancelled,
	"skynet":               skynet,
	"signal":               signalLatency,
	"parked":               parked,
	"grow_first":           growFirst,
	"cold":                 cold,
}

func main() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(1)
	}
	fmt.Printf("hello %s\n", runtime.Version())
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		words := strings.Fields(input.Text())
		if len(words) != 2 {
			fmt.Println("error the command is not WORKLOAD COUNT")
			continue
		}
		count, problem := strconv.ParseUint(words[1], 10, 64)
		run, known := workloads[words[0]]
		if !known || problem != nil || count == 0 {
			fmt.Println("error this runner has no such workload, or the count is missing")
			continue
		}
		runtime.GC() // the garbage of the measurement before is not this one's
		result := run(count)
		fmt.Printf("ok %d %d%s\n", result.elapsed.Nanoseconds(), result.operations, result.extra)
	}
}
