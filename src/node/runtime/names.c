/* SPDX-License-Identifier: Apache-2.0 */
#include "node/runtime/names.h"

#include "node/runtime/rt_attr.h"

#include <string.h>
#include <strings.h>
#include <sys/resource.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* In the order of their numbers. */
static const char *const caps[] = {
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
};

int names_cap(const char *name)
{
	if (strncasecmp(name, "CAP_", 4) == 0)
		name += 4;
	for (size_t i = 0; i < COUNT(caps); i++) {
		if (strcasecmp(caps[i] + 4, name) == 0)
			return (int)i;
	}
	return -1;
}

const char *names_cap_text(int number)
{
	return number >= 0 && (size_t)number < COUNT(caps) ? caps[number] : NULL;
}

#define LIMIT(n)                                                                                                       \
	{                                                                                                              \
#n, RLIMIT_##n                                                                                         \
	}
static const struct {
	const char *name;
	int number;
} rlimits[] = {
    LIMIT(AS),	    LIMIT(CORE),     LIMIT(CPU),	LIMIT(DATA),   LIMIT(FSIZE), LIMIT(LOCKS),
    LIMIT(MEMLOCK), LIMIT(MSGQUEUE), LIMIT(NICE),	LIMIT(NOFILE), LIMIT(NPROC), LIMIT(RSS),
    LIMIT(RTPRIO),  LIMIT(RTTIME),   LIMIT(SIGPENDING), LIMIT(STACK),
};
#undef LIMIT

int names_rlimit(const char *name)
{
	for (size_t i = 0; i < COUNT(rlimits); i++) {
		if (!strcmp(rlimits[i].name, name))
			return rlimits[i].number;
	}
	return -1;
}

static const struct sysctl_rule {
	const char *key; /* ends with a dot: a prefix */
	enum rt_ns ns;
} sysctl_rules[] = {
    {"kernel.msgmax", RT_NS_IPC}, {"kernel.msgmnb", RT_NS_IPC},
    {"kernel.msgmni", RT_NS_IPC}, {"kernel.sem", RT_NS_IPC},
    {"kernel.shmall", RT_NS_IPC}, {"kernel.shmmax", RT_NS_IPC},
    {"kernel.shmmni", RT_NS_IPC}, {"kernel.shm_rmid_forced", RT_NS_IPC},
    {"fs.mqueue.", RT_NS_IPC},	  {"kernel.domainname", RT_NS_UTS},
    {"net.", RT_NS_NETWORK},	  {"user.", RT_NS_USER},
};

int names_sysctl_ns(const char *key)
{
	for (size_t i = 0; i < COUNT(sysctl_rules); i++) {
		const struct sysctl_rule *rule = &sysctl_rules[i];
		size_t n = strlen(rule->key);

		if (rule->key[n - 1] == '.' ? !strncmp(rule->key, key, n) : !strcmp(rule->key, key))
			return (int)rule->ns;
	}
	return -1;
}
