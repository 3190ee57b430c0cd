/* SPDX-License-Identifier: Apache-2.0 */
/* The seccomp filter: a program does what programs do, but cannot leave its group (so that it can be killed with all
 * that it has started), look into or signal the daemon, make namespaces, mount, load, trace, leave something behind in
 * the kernel, or, unless it may, have a socket. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "spawner_confine.h"

#define WORD 0xffffffffu /* of arguments that the kernel takes as int */

/* clone(2): CLONE_NEWTIME lies in the byte of the signal, where only clone3 and unshare know it */
static const uint64_t NEW_NAMESPACES[] = {0x00020000, 0x02000000, 0x04000000, 0x08000000,
                                          0x10000000, 0x20000000, 0x40000000};

/* Names, because not every architecture has all of them. */
static const char *const DENIED[] = {
    /* leaving the group */
    "setsid", "setpgid",
    /* other processes */
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease", "kcmp", "pidfd_open",
    "pidfd_getfd", "pidfd_send_signal", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "move_pages", "migrate_pages",
    /* another view of the system */
    "unshare", "setns", "mount", "umount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "fsopen",
    "fsconfig", "fsmount", "fspick", "mount_setattr", "open_tree_attr", "statmount", "listmount",
    /* the system itself */
    "acct", "quotactl", "quotactl_fd", "swapon", "swapoff", "reboot", "kexec_load", "kexec_file_load", "init_module",
    "finit_module", "delete_module", "iopl", "ioperm", "modify_ldt", "vm86", "vm86old", "settimeofday", "clock_settime",
    "clock_settime64", "clock_adjtime", "clock_adjtime64", "adjtimex", "stime", "sethostname", "setdomainname",
    "syslog", "vhangup", "lookup_dcookie", "nfsservctl", "uselib", "ustat", "sysfs", "_sysctl",
    /* parts of the kernel where errors are often found, and that ordinary programs do not need */
    "bpf", "perf_event_open", "userfaultfd", "fanotify_init", "fanotify_mark", "name_to_handle_at", "open_by_handle_at",
    "keyctl", "add_key", "request_key", "memfd_secret", "mknod", "mknodat",
    /* what stays when the program has ended */
    "shmget", "msgget", "semget", "mq_open"};

/* Programs take these for missing, and do without. */
static const char *const MISSING[] = {"clone3", "io_uring_setup", "io_uring_enter", "io_uring_register"};

static int refuse_names(scmp_filter_ctx filter, const char *const *names, size_t count, int error)
{
	for (size_t i = 0; i < count; i++) {
		int number = seccomp_syscall_resolve_name(names[i]);
		int status = number < 0 ? 0 : seccomp_rule_add(filter, SCMP_ACT_ERRNO(error), number, 0);
		if (status != 0)
			return status;
	}
	return 0;
}

static int refuse_if(scmp_filter_ctx filter, int error, int call, struct scmp_arg_cmp argument)
{
	return seccomp_rule_add_array(filter, SCMP_ACT_ERRNO((unsigned)error), call, 1, &argument);
}

static struct scmp_arg_cmp compare(unsigned argument, enum scmp_compare how, uint64_t value)
{
	return (struct scmp_arg_cmp){.arg = argument, .op = how, .datum_a = value};
}

static struct scmp_arg_cmp word_is(unsigned argument, uint64_t value)
{
	return (struct scmp_arg_cmp){
	    .arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = WORD, .datum_b = value & WORD};
}

static struct scmp_arg_cmp has_bit(unsigned argument, uint64_t bit)
{
	return (struct scmp_arg_cmp){.arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = bit, .datum_b = bit};
}

struct word_rule {
	int call;
	unsigned argument;
	uint64_t value;
};

static int refuse_words(scmp_filter_ctx filter, const struct word_rule *rules, size_t count)
{
	int status = 0;

	for (size_t i = 0; i < count && status == 0; i++)
		status = refuse_if(filter, EPERM, rules[i].call, word_is(rules[i].argument, rules[i].value));
	return status;
}

/* Where programs have the daemon's user, nothing but this keeps them from its process and its threads, each of which
 * has a number too. Signals may go to the own group and, where Landlock knows whom they may reach (ABI 6), to
 * processes that the program has started; else a negative number is a group or everybody, and any other may be the
 * daemon's. */
static int protect_processes(scmp_filter_ctx filter, const struct confinement *confinement)
{
	static const struct word_rule RULES[] = {
	    {SCMP_SYS(fcntl), 1, F_SETOWN},
	    {SCMP_SYS(fcntl), 1, F_SETOWN_EX},
	    {SCMP_SYS(fcntl), 1, F_SETSIG},
	    {SCMP_SYS(ioctl), 1, FIOSETOWN},
	    {SCMP_SYS(ioctl), 1, SIOCSPGRP},
	    {SCMP_SYS(setpriority), 0, PRIO_USER},
	    {SCMP_SYS(ioprio_set), 0, 3 /* the user's */},
	};
	static const struct {
		int call;
		unsigned argument;
	} OWN_ONLY[] = {
	    /* 0: the process itself */
	    {SCMP_SYS(prlimit64), 0},      {SCMP_SYS(sched_setaffinity), 0}, {SCMP_SYS(sched_setscheduler), 0},
	    {SCMP_SYS(sched_setparam), 0}, {SCMP_SYS(sched_setattr), 0},     {SCMP_SYS(setpriority), 1},
	    {SCMP_SYS(ioprio_set), 1},
	};
	bool scoped = confinement->protections.landlock >= 6;
	const struct word_rule daemon[] = {{SCMP_SYS(tgkill), 0, (uint64_t)confinement->daemon},
	                                   {SCMP_SYS(tgkill), 0, (uint64_t)confinement->spawner}};
	int status =
	    refuse_if(filter, EPERM, SCMP_SYS(kill), scoped ? has_bit(0, 0x80000000u) : compare(0, SCMP_CMP_NE, 0));

	if (status == 0)
		status = refuse_words(filter, daemon, 2);
	if (status == 0)
		status = refuse_words(filter, RULES, sizeof(RULES) / sizeof(RULES[0]));
	for (size_t i = 0; i < sizeof(OWN_ONLY) / sizeof(OWN_ONLY[0]) && status == 0; i++)
		status = refuse_if(filter, EPERM, OWN_ONLY[i].call, compare(OWN_ONLY[i].argument, SCMP_CMP_NE, 0));
	return status;
}

static int protect_kernel(scmp_filter_ctx filter)
{
	int status = 0;

	for (size_t i = 0; i < sizeof(NEW_NAMESPACES) / sizeof(NEW_NAMESPACES[0]) && status == 0; i++)
		status = refuse_if(filter, EPERM, SCMP_SYS(clone), has_bit(0, NEW_NAMESPACES[i]));
	if (status == 0) /* what is typed at the operator's terminal */
		status = refuse_if(filter, EPERM, SCMP_SYS(ioctl), word_is(1, TIOCSTI));
	if (status == 0)
		status = refuse_if(filter, EPERM, SCMP_SYS(ioctl), word_is(1, TIOCLINUX));
	if (status == 0) /* it dies with the spawner */
		status = refuse_if(filter, EPERM, SCMP_SYS(prctl), word_is(0, PR_SET_PDEATHSIG));
	if (status == 0) /* it may ask, but change nothing: addresses stay random */
		status = refuse_if(filter, EPERM, SCMP_SYS(personality), compare(0, SCMP_CMP_NE, WORD));
	return status;
}

/* The families of the Internet, and what the resolver asks about routes; nothing of this machine. */
static int limit_network(scmp_filter_ctx filter)
{
	enum { FAMILIES = 64 };
	int status = refuse_if(filter, EACCES, SCMP_SYS(socket), compare(0, SCMP_CMP_GE, FAMILIES));

	for (uint64_t family = 0; family < FAMILIES && status == 0; family++)
		if (family != AF_INET && family != AF_INET6 && family != AF_NETLINK)
			status = refuse_if(filter, EACCES, SCMP_SYS(socket), compare(0, SCMP_CMP_EQ, family));
	if (status == 0)
		status = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(socket), 2,
		                          compare(0, SCMP_CMP_EQ, AF_NETLINK), compare(2, SCMP_CMP_NE, 0));
	return status;
}

static int add_rules(scmp_filter_ctx filter, const struct confinement *confinement, bool network)
{
	int status = refuse_names(filter, DENIED, sizeof(DENIED) / sizeof(DENIED[0]), EPERM);

	if (status == 0)
		status = refuse_names(filter, MISSING, sizeof(MISSING) / sizeof(MISSING[0]), ENOSYS);
	if (status == 0)
		status = protect_processes(filter, confinement);
	if (status == 0)
		status = protect_kernel(filter);
	if (status == 0)
		status = refuse_if(filter, EACCES, SCMP_SYS(socketpair), compare(0, SCMP_CMP_NE, AF_UNIX));
	if (status != 0)
		return status;
	return network ? limit_network(filter) : seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(socket), 0);
}

/* libseccomp 2.5 writes a filter to a file only. */
static int export_filter(scmp_filter_ctx filter, struct sock_fprog *ret)
{
	int fd = memfd_create("filter", MFD_CLOEXEC), status = fd == -1 ? -errno : seccomp_export_bpf(filter, fd);
	off_t size = status == 0 ? lseek(fd, 0, SEEK_END) : 0;

	if (size > 0) {
		ret->len = (unsigned short)((size_t)size / sizeof(struct sock_filter));
		ret->filter = h2o_mem_alloc((size_t)size);
		if (pread(fd, ret->filter, (size_t)size, 0) != size)
			status = -EIO;
	}
	if (fd != -1)
		close(fd);
	return status;
}

bool filter_make(const struct confinement *confinement, bool network, struct sock_fprog *ret)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int status = filter == NULL ? -ENOMEM : 0;

	/* calls of another architecture (32 bits, x32) would pass by the rules */
	if (status == 0)
		status = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (status == 0)
		status = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree, not a list */
	if (status == 0)
		status = add_rules(filter, confinement, network);
	if (status == 0)
		status = export_filter(filter, ret);
	seccomp_release(filter);
	errno = -status;
	return status == 0;
}
