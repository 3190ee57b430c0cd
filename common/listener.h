/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SALLYPORT_LISTENER_H
#define SALLYPORT_LISTENER_H

#include <stdbool.h>
#include <stddef.h>

/* NULL, or why the text is no numeric address and port (static). */
const char *listener_problem(const char *address, bool *ret_is_loopback);
/* A bound socket for "address:port" or "[IPv6]:port", non-blocking, with SO_REUSEPORT (another instance may bind the
 * same address and take over). A socket that the service manager passed (LISTEN_FDS) for the same address is taken
 * instead. Returns the descriptor, or -1 and *error (static). */
int listener_open(const char *address, const char **error);
/* Lets connections come. */
bool listener_start(int fd);
/* From now on no new connection begins here; those that are half made come to their end and can be accepted. Clients
 * try again after a second, and reach another instance. Not for a passed socket, which outlives this process. */
void listener_end_handshakes(int fd);

#endif
