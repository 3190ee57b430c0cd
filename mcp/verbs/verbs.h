/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of sallyport-mcp. Each gives the exit status: 0 fine, 1 refused or failed with one line on standard error,
 * 2 usage. */
#ifndef SALLYPORT_MCP_VERBS_H
#define SALLYPORT_MCP_VERBS_H

/* `file`: mcp.yaml; argv[0] is the verb. */
int serve_main(const char *file, int argc, char **argv);
int check_main(const char *file, int argc, char **argv);
int scopes_main(const char *file, int argc, char **argv);
int claims_sql_main(const char *file, int argc, char **argv);
int catalogue_main(const char *file, int argc, char **argv);
int approve_main(const char *file, int argc, char **argv);
int schema_main(const char *file, int argc, char **argv);
int import_main(const char *file, int argc, char **argv);
int audit_main(const char *file, int argc, char **argv);
int explain_main(const char *file, int argc, char **argv);

#endif
