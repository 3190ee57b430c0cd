/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SALLYPORT_SPAWNER_PROCESS_H
#define SALLYPORT_SPAWNER_PROCESS_H

/* The spawner's own life, behind fork: serves the daemon at the other end of the socket, and ends with it. */
_Noreturn void spawner_process_run(int socket);

#endif
