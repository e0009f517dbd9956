// The canary's constants, and what a Micro slot is, for the assembly that looks at canaries; canary.h and pools.cpp assert that they are true.
#pragma once

#define CPRIME_CANARY_FIRST 0x435052494d45a55a
#define CPRIME_CANARY_SECOND 0x5aa5c0def00dbeef
#define CPRIME_MICRO_POOL 0
#define CPRIME_MICRO_SLOT_BYTES 256
