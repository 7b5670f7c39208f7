/*
 * How many CPUs may be used: those of the thread's affinity mask, at most as many as the quota of the process's control group
 * pays for.
 */
#ifndef LIBLOSS_CPU_COUNT_H
#define LIBLOSS_CPU_COUNT_H

#include <stdint.h>

/* At least 1. The mask is looked at each time, since programs change it; the quota once. */
int64_t libloss__cpus(void);

/* CPUs that a quota pays for, rounded up, INT64_MAX without one: the least of the group's and its parents'. `membership` is
 * /proc/self/cgroup, `root` /sys/fs/cgroup, except in tests. Versions 1 and 2. */
int64_t libloss__quota(const char *membership, const char *root);

#endif
