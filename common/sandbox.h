/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SALLYPORT_SANDBOX_H
#define SALLYPORT_SANDBOX_H

/* No core dumps, not dumpable (no /proc reading by the same user), no new privileges, umask 077. Run by each daemon
 * before it reads a secret. */
void process_harden(void);

#endif
