/* The machine that a measurement is true of: what identifies it, and what limits this process on it. For ceilings, records of tuning, and reports. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"

typedef struct {
    char     cpu[128];              /* "AMD EPYC 9005"; "unknown" where the system does not say */
    char     features[4096];        /* the system's words for them, separated by spaces */
    char     kernel[160];           /* "Linux 6.1.0 x86_64" */
    char     hypervisor[32];        /* "KVMKVMKVM", or "none" */
    int      n_cpus;                /* in this process's affinity mask */
    uint64_t memory_bytes;          /* of the machine */
    uint64_t memory_limit_bytes;    /* of the control groups around this process; 0: none */
    double   cpu_limit;             /* likewise, in CPUs; 0: none */
    char     fingerprint[17];       /* 16 hexadecimal digits over all of the above */
} machine;

/* The machine, read once; the same pointer ever after. Never NULL: what cannot be read is "unknown" or 0.
 * The affinity mask is that of the process when it started: a backend's team binds threads later. */
const machine *machine_here(void);

/* Lets the calling thread run again wherever the process could when it started. */
void machine_unbind_thread(void);

bool machine_has(const machine *m, const char *feature);        /* "avx512_vnni" */

/* Bytes that may be allocated now without disturbing anyone: what the system calls available, within the groups' limit. */
uint64_t machine_available_memory(void);
