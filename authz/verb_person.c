/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "authz/password.h"
#include "authz/verbs.h"
#include "common/secret.h"

enum { PASSWORD_CHARACTERS_MIN = 8 }; /* OWASP ASVS 5.0, 6.2.1 */

/* One line of standard input, without echo where it is a terminal. {NULL, 0} at the end of input or if it is too long.
 */
static h2o_iovec_t read_line(h2o_mem_pool_t *pool, const char *prompt)
{
	char *line = secret_alloc(pool, PASSWORD_SIZE_MAX + 2);
	struct termios before, quiet;
	bool terminal = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &before) == 0;
	size_t len = 0;
	int c;

	if (terminal) {
		quiet = before;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		fputs(prompt, stderr);
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	}
	while ((c = getchar()) != EOF && c != '\n')
		if (len <= PASSWORD_SIZE_MAX)
			line[len++] = (char)c;
	if (terminal) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
		fputc('\n', stderr);
	}
	return (c == EOF && len == 0) || len > PASSWORD_SIZE_MAX ? (h2o_iovec_t){NULL, 0} : h2o_iovec_init(line, len);
}

/* Asks for a new password, twice on a terminal, and hashes it. */
static bool ask_password(struct operator* op, char hash[PASSWORD_HASH_SIZE])
{
	struct password_cost cost;
	h2o_iovec_t password, again;

	if (!operator_read_settings(op))
		return false;
	/* stdio would keep a copy of what it read. */
	setvbuf(stdin, NULL, _IONBF, 0);
	password = read_line(&op->pool, "New password: ");
	if (!password_acceptable(password) || text_code_points(password) < PASSWORD_CHARACTERS_MIN) {
		refuse("a password has %d characters to %d bytes of UTF-8", PASSWORD_CHARACTERS_MIN, PASSWORD_SIZE_MAX);
		return false;
	}
	if (isatty(STDIN_FILENO)) {
		again = read_line(&op->pool, "Once more: ");
		if (again.len != password.len || !secret_equal(again.base, password.base, password.len)) {
			refuse("the two were not the same");
			return false;
		}
	}
	cost = (struct password_cost){op->settings->authz.argon2_memory_kib, op->settings->authz.argon2_passes};
	if (!password_hash(password, &cost, hash)) {
		refuse("the password could not be hashed");
		return false;
	}
	return true;
}

enum verb_status verb_person_add(struct operator* op, int argc, char **argv)
{
	static const struct option OPTIONS[] = {
	    {"display", required_argument, NULL, 'd'},
	    {"scope", required_argument, NULL, 's'},
	    {NULL, 0, NULL, 0},
	};
	const char *display = NULL, *scope = "";
	char hash[PASSWORD_HASH_SIZE];
	struct db_param scopes;
	int option;

	while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
		if (option == 'd')
			display = optarg;
		else if (option == 's')
			scope = optarg;
		else
			return VERB_USAGE;
	}
	if (optind != argc - 1)
		return VERB_USAGE;
	if (display == NULL)
		display = argv[optind];
	if (!text_is_utf8(text_of(display)) || text_has_invisible(text_of(display)))
		return refuse("a display name has visible characters of UTF-8 only");
	if (!operator_scopes(op, scope, &scopes) || !ask_password(op, hash))
		return VERB_REFUSED;
	operator_note_unknown_scopes(op, &scopes);
	struct db_param params[] = {param_text(argv[optind]), param_text(display), param_text(hash), scopes};
	return operator_do(op, "SELECT authz.person_add($1, $2, $3, $4)", params, 4, "there is a person of this name");
}

enum verb_status verb_person_list(struct operator* op, int argc, char **argv)
{
	return operator_list(op, argc, argv,
	                     "SELECT username, display_name, scope, own_scope, roles, groups, enabled, living_grants "
	                     "FROM authz.person_list()");
}

static const char NOBODY[] = "there is nobody of this name";

static enum verb_status set_enabled(struct operator* op, int argc, char **argv, bool enabled)
{
	if (argc != 2)
		return VERB_USAGE;
	struct db_param params[] = {param_text(argv[1]), param_bool(enabled)};
	return operator_do(op, "SELECT authz.person_set_enabled($1, $2)", params, 2, NOBODY);
}

enum verb_status verb_person_disable(struct operator* op, int argc, char **argv)
{
	return set_enabled(op, argc, argv, false);
}

enum verb_status verb_person_enable(struct operator* op, int argc, char **argv)
{
	return set_enabled(op, argc, argv, true);
}

enum verb_status verb_person_password(struct operator* op, int argc, char **argv)
{
	char hash[PASSWORD_HASH_SIZE];

	if (argc != 2)
		return VERB_USAGE;
	if (!ask_password(op, hash))
		return VERB_REFUSED;
	struct db_param params[] = {param_text(argv[1]), param_text(hash)};
	return operator_do(op, "SELECT authz.person_set_password($1, $2)", params, 2, NOBODY);
}

enum verb_status verb_person_scope(struct operator* op, int argc, char **argv)
{
	struct db_param scopes;

	if (argc != 3)
		return VERB_USAGE;
	if (!operator_scopes(op, argv[2], &scopes))
		return VERB_REFUSED;
	operator_note_unknown_scopes(op, &scopes);
	struct db_param params[] = {param_text(argv[1]), scopes};
	return operator_do(op, "SELECT authz.person_set_scopes($1, $2)", params, 2, NOBODY);
}
