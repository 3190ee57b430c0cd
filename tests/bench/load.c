/* SPDX-License-Identifier: Apache-2.0 */
/* A load generator for the benchmark: HTTP/1.1 keep-alive on loopback, one request under way on each connection.
 *
 *   load [-e TEXT] [-p RATE] [-t SECOND PREFIX] [-s MEMBER FILE] PORT CONNECTIONS SECONDS REQUEST [BODIES [MEMBER
 * FIELD]]
 *
 * REQUEST is a file with a whole request; "@BODY@" in it is replaced by the next line of the file BODIES, "@LENGTH@" by
 * the length of its content, "@N@" by a number that no other request has. With MEMBER and FIELD each connection keeps a
 * line of its own, and after each answer the value of form field FIELD in it becomes the answer's JSON member MEMBER (a
 * refresh token is followed by the next; one that comes twice is an error). -t: a request is two; SECOND is a file like
 * REQUEST, with "@BODY@" replaced by what follows PREFIX in the first answer, and both count as one. -e: what every
 * (last) answer must contain. -s: the JSON member MEMBER of each answer becomes a line of FILE. -p: that many requests
 * a second, not as many as there can be. Ends after SECONDS, or when every line was used once (without MEMBER). Prints
 * one JSON object: requests, errors (anything but 2xx and 3xx, or not as expected), seconds, per_second (of the good
 * ones), p50_us, p99_us, and answer_bytes: the length of the last answer's content. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { REQUEST_MAX = 16384, ANSWER_MAX = 65536, LATENCIES_MAX = 8 * 1000 * 1000 };

struct connection {
	int fd;
	char *body; /* its own line in chained mode */
	char request[REQUEST_MAX], answer[ANSWER_MAX];
	size_t request_len, answer_len;
	uint64_t sent_ns;
	bool idle, waits, second;
};

static char *template, *bodies, *next_body;
static char *second_template, *prefix; /* of the second request of two */
static const char *expected;
static double pace_ns; /* between requests; 0: none */
static uint64_t next_due;
static size_t number;
static char *saved; /* as it stands in an answer */
static FILE *saved_lines;
static char *member, *field; /* as they stand in texts: "NAME":" and NAME= */
static uint32_t *latencies;
static size_t latency_count, request_count, errors, answer_bytes;
static int epoll_fd;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static char *read_file(const char *path)
{
	FILE *f = fopen(path, "r");
	if (f == NULL)
		die(path);
	size_t len = 0, capacity = 1 << 20;
	char *text = malloc(capacity + 1);
	for (size_t n; (n = fread(text + len, 1, capacity - len, f)) > 0;) {
		len += n;
		if (len == capacity)
			text = realloc(text, (capacity *= 2) + 1);
	}
	fclose(f);
	text[len] = '\0';
	return text;
}

/* The next line of BODIES as a string of its own; NULL when all were used. */
static char *take_body(void)
{
	if (next_body == NULL || *next_body == '\0')
		return NULL;
	char *end = strchr(next_body, '\n');
	char *line = strndup(next_body, end == NULL ? strlen(next_body) : (size_t)(end - next_body));
	next_body = end == NULL ? next_body + strlen(next_body) : end + 1;
	return line;
}

/* Copies a part of a template with its places filled in; gives the end. */
static char *fill(char *out, const char *in, const char *end, const char *body, const char *length, const char *n)
{
	const struct {
		const char *name, *value;
	} places[] = {{"@BODY@", body}, {"@LENGTH@", length}, {"@N@", n}};
	while (in < end) {
		size_t i = 0;
		const char *place = memchr(in, '@', (size_t)(end - in));
		out = mempcpy(out, in, (size_t)((place == NULL ? end : place) - in));
		if (place == NULL)
			break;
		in = place;
		while (i < 3 && strncmp(in, places[i].name, strlen(places[i].name)) != 0)
			i++;
		if (i == 3) {
			*out++ = *in++;
			continue;
		}
		out = stpcpy(out, places[i].value);
		in += strlen(places[i].name);
	}
	*out = '\0';
	return out;
}

static void write_request(struct connection *c, const char *from, const char *body)
{
	static char content[REQUEST_MAX];
	char length[24], n[24];
	const char *blank = strstr(from, "\r\n\r\n") + 4;
	snprintf(n, sizeof(n), "%d-%zu", getpid(), number++);
	char *content_end = fill(content, blank, blank + strlen(blank), body, "", n);
	snprintf(length, sizeof(length), "%zu", (size_t)(content_end - content));
	char *end = fill(c->request, from, blank, body, length, n);
	end = stpcpy(end, content);
	c->request_len = (size_t)(end - c->request);
}

static void send_request(struct connection *c)
{
	c->answer_len = 0;
	if (!c->second)
		c->sent_ns = now_ns();
	if (write(c->fd, c->request, c->request_len) != (ssize_t)c->request_len)
		die("write");
}

/* Puts the answer's member in place of the field's value; false if there is none, or the same one. */
static bool follow(struct connection *c)
{
	char *value = strstr(c->answer, member), *at = strstr(c->body, field);
	if (value == NULL || at == NULL)
		return false;
	value += strlen(member);
	at += strlen(field);
	size_t head = (size_t)(at - c->body), len = strcspn(value, "\"");
	if (len == strcspn(at, "&") && memcmp(value, at, len) == 0)
		return false;
	char *body = malloc(strlen(c->body) + len + 1);
	memcpy(body, c->body, head);
	memcpy(body + head, value, len);
	strcpy(body + head + len, at + strcspn(at, "&"));
	free(c->body);
	c->body = body;
	return true;
}

/* False if it is too early for another request. */
static bool is_due(void)
{
	uint64_t now = now_ns();
	if (pace_ns == 0)
		return true;
	if (now < next_due)
		return false;
	next_due += (uint64_t)pace_ns;
	return true;
}

static void start_next(struct connection *c)
{
	c->waits = !is_due();
	if (c->waits)
		return;
	if (bodies != NULL && member != NULL) {
		write_request(c, template, c->body);
	} else if (bodies != NULL) {
		char *body = take_body();
		c->idle = body == NULL;
		if (body == NULL)
			return;
		write_request(c, template, body);
		free(body);
	} else {
		write_request(c, template, "");
	}
	send_request(c);
}

/* The second request of two, with what the first answer brought; false if it brought nothing. */
static bool start_second(struct connection *c)
{
	char *value = strstr(c->answer, prefix), taken[1024];
	if (value == NULL)
		return false;
	value += strlen(prefix);
	size_t len = strcspn(value, "& \"#\r\n");
	if (len >= sizeof(taken))
		return false;
	memcpy(taken, value, len);
	taken[len] = '\0';
	c->second = true;
	write_request(c, second_template, taken);
	send_request(c);
	return true;
}

/* True if the whole answer is there. */
static bool is_complete(struct connection *c)
{
	char *blank = strstr(c->answer, "\r\n\r\n");
	if (blank == NULL)
		return false;
	char *length = strcasestr(c->answer, "content-length:");
	char *coding = strcasestr(c->answer, "transfer-encoding: chunked");
	if (coding != NULL && coding < blank) { /* one request at a time: nothing follows */
		answer_bytes = c->answer_len - (size_t)(blank + 4 - c->answer);
		return strcmp(c->answer + c->answer_len - 5, "0\r\n\r\n") == 0;
	}
	answer_bytes = length != NULL && length < blank ? strtoul(length + 15, NULL, 10) : 0;
	return c->answer_len >= (size_t)(blank + 4 - c->answer) + answer_bytes;
}

static void save(const struct connection *c)
{
	const char *value = strstr(c->answer, saved);
	if (value != NULL)
		fprintf(saved_lines, "%.*s\n", (int)strcspn(value + strlen(saved), "\""), value + strlen(saved));
}

static void take_answer(struct connection *c)
{
	bool good = c->answer[9] == '2' || c->answer[9] == '3';
	if (good && second_template != NULL && !c->second && start_second(c))
		return;
	if (good && second_template != NULL)
		good = c->second;
	if (good && expected != NULL)
		good = strstr(c->answer, expected) != NULL;
	if (good && member != NULL)
		good = follow(c);
	if (good && saved != NULL)
		save(c);
	uint64_t took = now_ns() - c->sent_ns;
	request_count++;
	c->second = false;
	if (good && latency_count < LATENCIES_MAX)
		latencies[latency_count++] = (uint32_t)(took / 100);
	if (!good && errors++ == 0)
		fprintf(stderr, "first error: %.600s\n", c->answer);
	start_next(c);
}

static void read_answer(struct connection *c)
{
	for (;;) {
		ssize_t n = read(c->fd, c->answer + c->answer_len, ANSWER_MAX - 1 - c->answer_len);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0)
			die("the server closed a connection");
		c->answer_len += (size_t)n;
		c->answer[c->answer_len] = '\0';
		if (is_complete(c)) {
			take_answer(c);
			return;
		}
	}
}

static void open_connection(struct connection *c, int port)
{
	struct sockaddr_in to = {
	    .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int on = 1;
	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(c->fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		die("connect");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	fcntl(c->fd, F_SETFL, O_NONBLOCK);
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
	epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &event);
	if (member != NULL && (c->body = take_body()) == NULL) {
		fprintf(stderr, "fewer lines than connections\n");
		exit(1);
	}
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

static void report(double seconds)
{
	qsort(latencies, latency_count, sizeof(*latencies), compare);
	double p50 = latency_count ? latencies[latency_count / 2] / 10.0 : 0;
	double p99 = latency_count ? latencies[latency_count * 99 / 100] / 10.0 : 0;
	printf("{\"requests\":%zu,\"errors\":%zu,\"seconds\":%.3f,\"per_second\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f,"
	       "\"answer_bytes\":%zu}\n",
	       request_count, errors, seconds, (double)(request_count - errors) / seconds, p50, p99, answer_bytes);
}

/* Takes the options; gives the number of the first argument behind them, 0 if they are wrong. */
static int read_options(int argc, char **argv)
{
	int i = 1;
	for (; i + 1 < argc && argv[i][0] == '-'; i += 2) {
		char *value = argv[i + 1];
		if (strcmp(argv[i], "-e") == 0) {
			expected = value;
		} else if (strcmp(argv[i], "-p") == 0) {
			pace_ns = 1e9 / atof(value);
		} else if (strcmp(argv[i], "-t") == 0 && i + 2 < argc) {
			second_template = read_file(value);
			prefix = argv[++i + 1];
		} else if (strcmp(argv[i], "-s") == 0 && i + 2 < argc) {
			if (asprintf(&saved, "\"%s\":\"", value) < 0 ||
			    (saved_lines = fopen(argv[++i + 1], "w")) == NULL)
				die(argv[i + 1]);
		} else {
			return 0;
		}
	}
	return argc - i >= 4 ? i : 0;
}

static void run(struct connection *connections, int count, uint64_t end)
{
	for (bool busy = true; busy && now_ns() < end;) {
		struct epoll_event events[64];
		int n = epoll_wait(epoll_fd, events, 64, pace_ns > 0 ? 1 : 100);
		for (int i = 0; i < n; i++)
			read_answer(events[i].data.ptr);
		busy = false;
		for (int i = 0; i < count; i++) {
			if (connections[i].waits)
				start_next(&connections[i]);
			busy = busy || !connections[i].idle;
		}
	}
}

int main(int argc, char **argv)
{
	int at = read_options(argc, argv);
	if (at == 0)
		return 2;
	argc -= at - 1;
	argv += at - 1;
	int port = atoi(argv[1]), count = atoi(argv[2]);
	double limit = atof(argv[3]);
	template = read_file(argv[4]);
	next_body = bodies = argc > 5 ? read_file(argv[5]) : NULL;
	if (argc > 7 && (asprintf(&member, "\"%s\":\"", argv[6]) < 0 || asprintf(&field, "%s=", argv[7]) < 0))
		die("asprintf");
	latencies = malloc(LATENCIES_MAX * sizeof(*latencies));
	epoll_fd = epoll_create1(0);
	struct connection *connections = calloc((size_t)count, sizeof(*connections));
	for (int i = 0; i < count; i++)
		open_connection(&connections[i], port);
	uint64_t start = now_ns();
	next_due = start;
	for (int i = 0; i < count; i++)
		start_next(&connections[i]);
	run(connections, count, start + (uint64_t)(limit * 1e9));
	report((double)(now_ns() - start) / 1e9);
	if (saved_lines != NULL && fclose(saved_lines) != 0)
		die("fclose");
	return 0;
}
