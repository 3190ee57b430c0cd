/* SPDX-License-Identifier: Apache-2.0 */
/* Landlock (landlock(7)), by its system calls: Debian 12's headers and C library know only its beginnings. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "spawner_confine.h"

enum { CALL_CREATE_RULESET = 444, CALL_ADD_RULE = 445, CALL_RESTRICT_SELF = 446 }; /* on all architectures */
enum { ASK_VERSION = 1, RULE_PATH_BENEATH = 1 };

struct ruleset { /* a kernel that knows less takes a shorter one */
	uint64_t fs, net, scoped;
};
struct path_beneath {
	uint64_t allowed;
	int32_t parent;
} __attribute__((packed));

#define FS_EXECUTE (1ull << 0)
#define FS_WRITE_FILE (1ull << 1)
#define FS_READ_FILE (1ull << 2)
#define FS_READ_DIR (1ull << 3)
#define FS_REMOVE_DIR (1ull << 4)
#define FS_REMOVE_FILE (1ull << 5)
#define FS_MAKE_CHAR (1ull << 6)
#define FS_MAKE_DIR (1ull << 7)
#define FS_MAKE_REG (1ull << 8)
#define FS_MAKE_SOCK (1ull << 9)
#define FS_MAKE_FIFO (1ull << 10)
#define FS_MAKE_BLOCK (1ull << 11)
#define FS_MAKE_SYM (1ull << 12)
#define FS_REFER (1ull << 13)     /* ABI 2 */
#define FS_TRUNCATE (1ull << 14)  /* ABI 3 */
#define FS_IOCTL_DEV (1ull << 15) /* ABI 5 */
#define NET_ALL 3ull              /* ABI 4: bind and connect TCP */
#define SCOPED_ALL 3ull           /* ABI 6: abstract UNIX sockets and signals */

static const uint64_t READING = FS_READ_FILE | FS_READ_DIR;
static const uint64_t RUNNING = FS_READ_FILE | FS_READ_DIR | FS_EXECUTE;
/* Nothing that runs, no devices, no sockets or pipes with names. */
static const uint64_t WRITING = FS_READ_FILE | FS_READ_DIR | FS_WRITE_FILE | FS_REMOVE_DIR | FS_REMOVE_FILE |
                                FS_MAKE_DIR | FS_MAKE_REG | FS_MAKE_SYM | FS_REFER | FS_TRUNCATE;
static const uint64_t OF_FILES = FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV;

/* What any program needs; of /etc only what says nothing about this machine. */
static const char *const PROGRAMS[] = {"/usr", "/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin", NULL};
static const char *const NEEDED[] = {"/etc/ld.so.cache",
                                     "/etc/localtime",
                                     "/etc/alternatives",
                                     "/etc/ssl/openssl.cnf",
                                     "/dev/zero",
                                     "/dev/full",
                                     "/dev/random",
                                     "/dev/urandom",
                                     "/proc/self",
                                     "/proc/cpuinfo",
                                     "/proc/meminfo",
                                     "/proc/stat",
                                     "/sys/devices/system/cpu",
                                     NULL};
static const char *const NEEDED_BY_NETWORK[] = {
    "/etc/resolv.conf", "/etc/hosts",     "/etc/nsswitch.conf", "/etc/gai.conf",
    "/etc/services",    "/etc/protocols", "/etc/ssl/certs",     NULL};

int landlock_abi(void)
{
	long abi = syscall(CALL_CREATE_RULESET, NULL, 0, ASK_VERSION);

	return abi > 0 ? (int)abi : 0;
}

static uint64_t handled_by(int abi)
{
	uint64_t handled = FS_REFER - 1;

	handled |= abi >= 2 ? FS_REFER : 0;
	handled |= abi >= 3 ? FS_TRUNCATE : 0;
	return handled | (abi >= 5 ? FS_IOCTL_DEV : 0);
}

static int make_ruleset(int abi, bool network)
{
	struct ruleset rules = {.fs = handled_by(abi), .net = network ? 0 : NET_ALL, .scoped = SCOPED_ALL};
	size_t size = abi >= 6 ? sizeof(rules) : abi >= 4 ? sizeof(rules) - 8 : sizeof(rules) - 16;

	return (int)syscall(CALL_CREATE_RULESET, &rules, size, 0);
}

/* A path that is not there, or that this user cannot reach, gives nothing. */
static bool allow(int ruleset, uint64_t allowed, const char *path)
{
	struct path_beneath rule = {.allowed = allowed, .parent = open(path, O_PATH | O_CLOEXEC)};
	struct stat about;

	if (rule.parent == -1)
		return errno == ENOENT || errno == ENOTDIR || errno == EACCES;
	if (fstat(rule.parent, &about) == 0 && !S_ISDIR(about.st_mode))
		rule.allowed &= OF_FILES;
	bool fine = rule.allowed == 0 || syscall(CALL_ADD_RULE, ruleset, RULE_PATH_BENEATH, &rule, 0) == 0;
	int error = errno;
	close(rule.parent);
	errno = error;
	return fine;
}

static bool allow_all(int ruleset, uint64_t allowed, const char *const *paths)
{
	for (; paths != NULL && *paths != NULL; paths++)
		if (!allow(ruleset, allowed, *paths))
			return false;
	return true;
}

static bool add_rules(int ruleset, uint64_t handled, const struct child_options *options)
{
	return allow_all(ruleset, RUNNING, PROGRAMS) && allow_all(ruleset, READING, NEEDED) &&
	       allow(ruleset, (FS_READ_FILE | FS_WRITE_FILE | FS_TRUNCATE) & handled, "/dev/null") &&
	       (!options->network || allow_all(ruleset, READING, NEEDED_BY_NETWORK)) &&
	       allow(ruleset, FS_READ_FILE | FS_EXECUTE, options->path) &&
	       (options->folder == NULL || allow(ruleset, READING, options->folder)) &&
	       allow_all(ruleset, READING, options->readable) &&
	       allow_all(ruleset, WRITING & handled, options->writable);
}

bool landlock_enter(int abi, const struct child_options *options)
{
	int ruleset = make_ruleset(abi, options->network);

	if (ruleset == -1)
		return false;
	bool fine = add_rules(ruleset, handled_by(abi), options) && syscall(CALL_RESTRICT_SELF, ruleset, 0) == 0;
	int error = errno;
	close(ruleset);
	errno = error;
	return fine;
}
