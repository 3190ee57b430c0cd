/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/doctor/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "common/scope.h"
#include "common/secret.h"
#include "mcp/doctor/doctor_flow.h"

enum { PEOPLE_MAX = 16, CALLS_MAX = 16, PASSWORD_FILE_MAX = 64 << 10 };

struct options {
	const char *url, *password_file, *ca_file, *scope;
	struct doctor_person people[PEOPLE_MAX];
	struct doctor_call calls[CALLS_MAX];
	size_t people_count, call_count;
	bool json, help;
};

static const char USAGE[] = "Usage: sallyport-mcp doctor URL [--as PERSON]... [--password-file FILE]\n"
			    "                            [--scope SCOPES] [--call TOOL=JSON]...\n"
			    "                            [--ca FILE] [--json]\n"
			    "\n"
			    "Walks through a whole connection as a client that knows only the URL, and says\n"
			    "for each step what was asked, what came back, and whether that is right.\n"
			    "\n"
			    "  --as PERSON           signs in as this person; without it, stops at the sign-in page.\n"
			    "                        Several people are compared at the end.\n"
			    "  --password-file FILE  lines \"name:password\". Without it, asks on the terminal,\n"
			    "                        or reads one line of standard input a person.\n"
			    "  --scope \"A B\"         asks for these scopes, not for those that the server names\n"
			    "  --call TOOL=JSON      calls this tool with these arguments as each person\n"
			    "  --ca FILE             certificate authorities to trust (PEM)\n"
			    "  --json                one JSON object instead of text\n"
			    "\n"
			    "Exit status: 0 if no step failed, 1 otherwise. A call that answers with an error has\n"
			    "failed; one that is refused, or asks something first, is a note.\n";

static bool refuse(const char *words, const char *about)
{
	fprintf(stderr, "sallyport-mcp doctor: %s%s%s\n", words, about != NULL ? ": " : "", about != NULL ? about : "");
	return false;
}

static bool add_call(h2o_mem_pool_t *pool, struct options *o, const char *text)
{
	const char *equals = strchr(text, '=');
	size_t name_len = equals != NULL ? (size_t)(equals - text) : strlen(text);

	if (o->call_count == CALLS_MAX)
		return refuse("too many calls", NULL);
	struct doctor_call *call = &o->calls[o->call_count++];

	call->tool = text_copy(pool, h2o_iovec_init(text, name_len));
	call->arguments = json_read(pool, text_of(equals != NULL ? equals + 1 : "{}"), NULL);
	if (name_len == 0 || !json_is_object(call->arguments))
		return refuse("--call wants TOOL={...} with a JSON object", text);
	return true;
}

static bool read_scope(h2o_mem_pool_t *pool, struct options *o, const char *text)
{
	struct scopes scopes;

	if (!scopes_parse(pool, text_of(text), &scopes) || scopes.count == 0)
		return refuse("--scope wants scopes, with a blank between them", text);
	o->scope = scopes_text(pool, &scopes);
	return true;
}

static bool read_options(h2o_mem_pool_t *pool, int argc, char **argv, struct options *o)
{
	static const struct option LONG[] = {
	    {"as", required_argument, NULL, 'a'},    {"password-file", required_argument, NULL, 'p'},
	    {"scope", required_argument, NULL, 's'}, {"call", required_argument, NULL, 'c'},
	    {"ca", required_argument, NULL, 'C'},    {"json", no_argument, NULL, 'j'},
	    {"help", no_argument, NULL, 'h'},        {NULL, 0, NULL, 0}};
	int c;

	optind = 0; /* the program's own options were read before */
	while ((c = getopt_long(argc, argv, "h", LONG, NULL)) != -1) {
		switch (c) {
		case 'a':
			if (o->people_count == PEOPLE_MAX)
				return refuse("too many people", NULL);
			o->people[o->people_count++].name = optarg;
			break;
		case 'c':
			if (!add_call(pool, o, optarg))
				return false;
			break;
		case 'p': o->password_file = optarg; break;
		case 's':
			if (!read_scope(pool, o, optarg))
				return false;
			break;
		case 'C': o->ca_file = optarg; break;
		case 'j': o->json = true; break;
		case 'h': o->help = true; return true;
		default: return false;
		}
	}
	if (optind + 1 != argc)
		return refuse("one URL is needed; --help says more", NULL);
	o->url = argv[optind];
	if (strncmp(o->url, "http://", 7) != 0 && strncmp(o->url, "https://", 8) != 0)
		return refuse("this is not an http or https URL", o->url);
	if (doctor_http_origin(pool, o->url) == NULL || strchr(o->url, '#') != NULL)
		return refuse("this is not a URL", o->url);
	if (o->call_count > 0 && o->people_count == 0)
		return refuse("--call needs --as PERSON", NULL);
	return true;
}

/* One line, without its end. NULL at the end of the file. */
static const char *read_secret_line(h2o_mem_pool_t *pool, FILE *in)
{
	char *line = NULL;
	size_t size = 0;
	const char *ret = NULL;

	if (getline(&line, &size, in) > 0) {
		line[strcspn(line, "\r\n")] = '\0';
		ret = (const char *)secret_copy(pool, line, strlen(line) + 1).bytes;
		secret_wipe(line, size);
	}
	free(line);
	return ret;
}

/* On the terminal, unseen; where standard input is something else, its next line. */
static const char *prompt_password(h2o_mem_pool_t *pool, const char *name)
{
	FILE *tty = isatty(STDIN_FILENO) ? fopen("/dev/tty", "r+e") : NULL;
	struct termios old, quiet;

	if (tty == NULL)
		return read_secret_line(pool, stdin);
	fprintf(tty, "Password of %s: ", name);
	fflush(tty);
	bool changed = tcgetattr(fileno(tty), &old) == 0;

	if (changed) {
		quiet = old;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(fileno(tty), TCSAFLUSH, &quiet);
	}
	const char *ret = read_secret_line(pool, tty);

	if (changed)
		tcsetattr(fileno(tty), TCSAFLUSH, &old);
	fputc('\n', tty);
	fclose(tty);
	return ret;
}

/* The whole file, NUL-terminated; NULL with words on standard error. */
static char *read_password_file(h2o_mem_pool_t *pool, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *text = secret_alloc(pool, PASSWORD_FILE_MAX + 1);
	size_t len = 0;
	ssize_t n = 0;

	if (fd < 0 || fstat(fd, &st) != 0) {
		refuse(strerror(errno), path);
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	if (S_ISREG(st.st_mode) && (st.st_mode & 077) != 0) {
		refuse("others may read this file of passwords; chmod 600 it", path);
		close(fd);
		return NULL;
	}
	while (len < PASSWORD_FILE_MAX && (n = read(fd, text + len, PASSWORD_FILE_MAX - len)) > 0)
		len += (size_t)n;
	close(fd);
	if (n < 0)
		refuse(strerror(errno), path);
	return n < 0 ? NULL : text;
}

/* The password in the line "name:password"; a copy, NULL if there is no such line. */
static const char *find_password(h2o_mem_pool_t *pool, const char *file, const char *name)
{
	size_t name_len = strlen(name);

	for (const char *p = file; *p != '\0';) {
		size_t len = strcspn(p, "\r\n");

		if (len > name_len && strncmp(p, name, name_len) == 0 && p[name_len] == ':') {
			size_t password_len = len - name_len - 1;
			char *ret = secret_alloc(pool, password_len + 1);

			memcpy(ret, p + name_len + 1, password_len);
			return ret;
		}
		p += len + (p[len] != '\0');
	}
	return NULL;
}

static bool read_passwords(h2o_mem_pool_t *pool, struct options *o)
{
	const char *file = o->password_file != NULL ? read_password_file(pool, o->password_file) : NULL;

	if (o->password_file != NULL && file == NULL)
		return false;
	for (size_t i = 0; i < o->people_count; i++) {
		struct doctor_person *p = &o->people[i];

		p->password = file != NULL ? find_password(pool, file, p->name) : prompt_password(pool, p->name);
		if (p->password == NULL)
			return refuse(file != NULL ? "the password file has no line for" : "no password was given for",
			              p->name);
	}
	return true;
}

static int run(h2o_mem_pool_t *pool, int argc, char **argv)
{
	struct options o = {.url = NULL};

	if (!read_options(pool, argc, argv, &o))
		return 2;
	if (o.help) {
		fputs(USAGE, stdout);
		return 0;
	}
	if (!read_passwords(pool, &o))
		return 2;
	struct doctor d = {
	    .pool = pool, .url = o.url, .wanted_scope = o.scope, .calls = o.calls, .call_count = o.call_count};

	d.http = doctor_http_open(pool, o.ca_file);
	if (d.http == NULL) {
		refuse("libcurl does not start", NULL);
		return 1;
	}
	d.report = report_open(pool, o.url, o.json);
	int failed = doctor_run(&d, o.people, o.people_count);

	doctor_http_close(d.http);
	return failed > 0 ? 1 : 0;
}

int doctor_main(int argc, char **argv)
{
	h2o_mem_pool_t pool;

	h2o_mem_init_pool(&pool);
	json_init();
	int status = run(&pool, argc, argv);

	h2o_mem_clear_pool(&pool);
	return status;
}
