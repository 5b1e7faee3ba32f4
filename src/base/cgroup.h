/* What control groups grant this process, of cgroup v2 and v1. */
#pragma once

/* CPU time in processors (1.5 is one and a half), memory in bytes; 0 where there is no limit. The least limit of the process's own group and of
 * all above it: each of them holds.
 *   root    "/sys/fs/cgroup" (a test gives another)
 *   groups  the text of /proc/self/cgroup; of "" and of groups that root does not have, only root's own limits are seen. Inside a
 *           container root may be the group itself, whatever the text says. */
double cgroup_cpu_quota(const char *root, const char *groups);
double cgroup_memory_limit(const char *root, const char *groups);
