// Offsets of Worker that the assembly uses; scheduler/worker.h asserts that they are true.
#pragma once

#define CPRIME_WORKER_STACK_TOP 0
#define CPRIME_WORKER_CURRENT 8
#define CPRIME_WORKER_CURRENT_INDEX 16
#define CPRIME_WORKER_SAMPLING 20
#define CPRIME_WORKER_STAMP_IN 24
#define CPRIME_WORKER_STAMP_OUT 32
#define CPRIME_WORKER_HOME 64
#define CPRIME_WORKER_HOME_RSP (CPRIME_WORKER_HOME + 8)
