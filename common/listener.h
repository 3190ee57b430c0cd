/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SALLYPORT_LISTENER_H
#define SALLYPORT_LISTENER_H

#include <stdbool.h>
#include <stddef.h>

/* A listening socket for "address:port" or "[IPv6]:port", non-blocking, with SO_REUSEPORT (another instance may bind the same address and take over). A socket that the
 * service manager passed (LISTEN_FDS) for the same address is taken instead. Returns the descriptor, or -1 and *error (static). */
int listener_open(const char *address, bool *ret_is_loopback, const char **error);
int listener_port(int fd);

#endif
