/* The machine: see machine.h. Linux: /proc, uname, control groups of both versions. */
#define _GNU_SOURCE
#include "base/machine.h"
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include "base/buffer.h"
#include "base/cgroup.h"
#include "base/files.h"
#ifdef __x86_64__
#include <cpuid.h>
#endif

enum { TEXT_MOST = 1 << 22 };

/* The rest of the line that starts with `name` in text, from its value on; "" where there is none. Not terminated at the line's end. */
static const char *line_value(const char *text, const char *name) {
    const size_t n = strlen(name);
    for (const char *line = text; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (!strncmp(line, name, n) && strchr(" \t:", line[n])) return line + n + strspn(line + n, " \t:");
    }
    return "";
}

static void copy_line(char *out, size_t room, const char *value) {
    const size_t n = strcspn(value, "\n");
    if (n) snprintf(out, room, "%.*s", (int)n, value);
}

static void read_cpu(machine *m) {
    buffer text = {0};
    if (!read_whole_file("/proc/cpuinfo", TEXT_MOST, &text, NULL)) {
        copy_line(m->cpu, sizeof m->cpu, line_value(buffer_text(&text), "model name"));
        copy_line(m->features, sizeof m->features, line_value(buffer_text(&text), "flags"));
        if (!*m->features) copy_line(m->features, sizeof m->features, line_value(buffer_text(&text), "Features"));
    }
    buffer_free(&text);
}

static void read_hypervisor(machine *m) {
#ifdef __x86_64__
    unsigned a, b[4] = {0};
    if (!machine_has(m, "hypervisor")) return;
    __cpuid(0x40000000, a, b[0], b[1], b[2]);
    char name[sizeof b];
    memcpy(name, b, sizeof b);
    name[12] = 0;
    snprintf(m->hypervisor, sizeof m->hypervisor, "%s", name[0] ? name : "unnamed");
#else
    (void)m;
#endif
}

static void read_groups(machine *m) {
    buffer text = {0};
    if (!read_whole_file("/proc/self/cgroup", TEXT_MOST, &text, NULL)) {
        m->cpu_limit = cgroup_cpu_quota("/sys/fs/cgroup", buffer_text(&text));
        m->memory_limit_bytes = (uint64_t)cgroup_memory_limit("/sys/fs/cgroup", buffer_text(&text));
    }
    buffer_free(&text);
}

static uint64_t meminfo_bytes(const char *name) {
    buffer text = {0};
    uint64_t kb = 0;
    if (!read_whole_file("/proc/meminfo", TEXT_MOST, &text, NULL)) kb = strtoull(line_value(buffer_text(&text), name), NULL, 10);
    buffer_free(&text);
    return kb * 1024;
}

/* FNV-1a over a text that changes when the machine does. Memory in quarters of a gigabyte: a reboot moves its last digits. */
static void set_fingerprint(machine *m) {
    char text[5000];
    snprintf(text, sizeof text, "%s|%s|%s|%s|%d|%llu|%llu|%.2f", m->cpu, m->features, m->kernel, m->hypervisor, m->n_cpus,
             (unsigned long long)(m->memory_bytes >> 28), (unsigned long long)(m->memory_limit_bytes >> 20), m->cpu_limit);
    uint64_t h = 0xcbf29ce484222325u;
    for (const char *p = text; *p; p++) h = (h ^ (unsigned char)*p) * 0x100000001b3u;
    snprintf(m->fingerprint, sizeof m->fingerprint, "%016llx", (unsigned long long)h);
}

/* The mask before main(): whoever asks later may have been bound to one processor by a backend. */
static cpu_set_t first_mask;

__attribute__((constructor)) static void remember_mask(void) {
    if (sched_getaffinity(0, sizeof first_mask, &first_mask)) CPU_ZERO(&first_mask);
}

void machine_unbind_thread(void) {
    if (CPU_COUNT(&first_mask)) sched_setaffinity(0, sizeof first_mask, &first_mask);
}

static machine here;

static void read_here(void) {
    here = (machine){ .cpu = "unknown", .kernel = "unknown", .hypervisor = "none", .n_cpus = 1 };
    read_cpu(&here);
    read_hypervisor(&here);
    struct utsname u;
    if (!uname(&u)) snprintf(here.kernel, sizeof here.kernel, "%.50s %.60s %.40s", u.sysname, u.release, u.machine);
    if (CPU_COUNT(&first_mask)) here.n_cpus = CPU_COUNT(&first_mask);
    here.memory_bytes = meminfo_bytes("MemTotal");
    read_groups(&here);
    set_fingerprint(&here);
}

const machine *machine_here(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, read_here);
    return &here;
}

bool machine_has(const machine *m, const char *feature) {
    const size_t n = strlen(feature);
    for (const char *p = m->features; (p = strstr(p, feature)); p += n)
        if ((p == m->features || p[-1] == ' ') && (p[n] == ' ' || !p[n])) return true;
    return false;
}

uint64_t machine_available_memory(void) {
    uint64_t available = meminfo_bytes("MemAvailable");
    const uint64_t limit = machine_here()->memory_limit_bytes;
    return limit && limit < available ? limit : available;
}
