/* SPDX-License-Identifier: Apache-2.0 */
#include "listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 4096, PASSED_FD_FIRST = 3, PASSED_FDS_MAX = 16 };

static uint32_t passed_fds; /* those that were taken, one bit each */

struct address {
	struct sockaddr_storage storage;
	socklen_t len;
};

static bool parse_port(const char *text, in_port_t *ret)
{
	char *end;
	long port = strtol(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '\0' || port > 65535)
		return false;
	*ret = htons((in_port_t)port);
	return true;
}

/* Numeric addresses only: a name could mean another address tomorrow. */
static bool parse_address(const char *text, struct address *ret)
{
	char host[INET6_ADDRSTRLEN];
	const char *colon = strrchr(text, ':');
	bool bracketed = text[0] == '[' && colon != NULL && colon > text && colon[-1] == ']';
	const char *start = bracketed ? text + 1 : text;
	size_t len = colon == NULL ? 0 : (size_t)(colon - start) - (bracketed ? 1 : 0);
	if (len == 0 || len >= sizeof(host))
		return false;
	memcpy(host, start, len);
	host[len] = '\0';
	memset(&ret->storage, 0, sizeof(ret->storage));
	if (bracketed) {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ret->storage;
		in6->sin6_family = AF_INET6;
		ret->len = sizeof(*in6);
		return inet_pton(AF_INET6, host, &in6->sin6_addr) == 1 && parse_port(colon + 1, &in6->sin6_port);
	}
	struct sockaddr_in *in = (struct sockaddr_in *)&ret->storage;
	in->sin_family = AF_INET;
	ret->len = sizeof(*in);
	return inet_pton(AF_INET, host, &in->sin_addr) == 1 && parse_port(colon + 1, &in->sin_port);
}

static bool is_loopback(const struct address *a)
{
	if (a->storage.ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)&a->storage)->sin6_addr);
	return ntohl(((const struct sockaddr_in *)&a->storage)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

static bool has_address(int fd, const struct address *a)
{
	struct address bound = {.len = sizeof(bound.storage)};
	if (getsockname(fd, (struct sockaddr *)&bound.storage, &bound.len) != 0)
		return false;
	return bound.len == a->len && memcmp(&bound.storage, &a->storage, a->len) == 0;
}

/* sd_listen_fds(3): descriptors from 3 on, if they were meant for this process. */
static int passed_socket(const struct address *a)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	if (pid == NULL || count == NULL || atol(pid) != (long)getpid())
		return -1;
	for (int i = 0; i < atoi(count) && i < PASSED_FDS_MAX; i++)
		if (has_address(PASSED_FD_FIRST + i, a))
			return PASSED_FD_FIRST + i;
	return -1;
}

static int bind_socket(const struct address *a, const char **error)
{
	int on = 1;
	int fd = socket(a->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		*error = "no socket can be made";
		return -1;
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	if (a->storage.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, (const struct sockaddr *)&a->storage, a->len) == 0)
		return fd;
	*error = errno == EADDRINUSE ? "the address is in use by another program" : "the address cannot be bound";
	close(fd);
	return -1;
}

static const char NO_ADDRESS[] = "must be a numeric address and a port, like 127.0.0.1:8443 or [::1]:8443";

const char *listener_problem(const char *text, bool *ret_is_loopback)
{
	struct address address;

	if (!parse_address(text, &address))
		return NO_ADDRESS;
	*ret_is_loopback = is_loopback(&address);
	return NULL;
}

int listener_open(const char *text, const char **error)
{
	struct address address;

	if (!parse_address(text, &address)) {
		*error = NO_ADDRESS;
		return -1;
	}
	int fd = passed_socket(&address);
	if (fd >= 0)
		passed_fds |= UINT32_C(1) << fd;
	else
		fd = bind_socket(&address, error);
	if (fd >= 0)
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	return fd;
}

bool listener_start(int fd)
{
	return listen(fd, BACKLOG) == 0;
}

void listener_end_handshakes(int fd)
{
	enum { FLAGS_AT = 13, SYN = 0x02, ACK = 0x10 }; /* RFC 9293, 3.1 */
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, FLAGS_AT),   BPF_STMT(BPF_ALU | BPF_AND | BPF_K, SYN | ACK),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYN, 0, 1), BPF_STMT(BPF_RET | BPF_K, 0),
	    BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	if (fd < PASSED_FD_FIRST + PASSED_FDS_MAX && (passed_fds >> fd & 1) != 0)
		return;
	/* Linux 6.1 lets anybody do this, newer ones may not: then a connection whose handshake is under way when the
	 * socket is closed is lost, unless the kernel moves it to the other instance (sysctl net.ipv4.tcp_migrate_req).
	 */
	setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}
