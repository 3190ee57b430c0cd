/* SPDX-License-Identifier: Apache-2.0 */
/* The connection doctor: a client that knows only the URL of an MCP server and walks through every step of a connection
 * as real clients do, saying for each what it asked, what came back, and whether that is right. It works against any
 * MCP server, not only this one. One thread, blocking, no event loop. */
#ifndef SALLYPORT_DOCTOR_H
#define SALLYPORT_DOCTOR_H

/* The verb `doctor`. argv[0] is the verb itself. Gives the exit status: 0 all steps are fine, 1 one failed, 2 usage. */
int doctor_main(int argc, char **argv);

#endif
