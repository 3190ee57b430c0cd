/* SPDX-License-Identifier: Apache-2.0 */
#include "common/uri.c"

#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static h2o_mem_pool_t pool;

#define T(literal) ((h2o_iovec_t){(char *)literal, sizeof(literal) - 1})
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void reads_parts(void **state)
{
	(void)state;
	struct uri u;
	h2o_iovec_t text = T("https://Example.com:8443/a/b?c=d&e=%2F#f");
	assert_true(uri_parse(text, &u));
	assert_true(text_is(u.scheme, "https"));
	assert_true(text_is(u.host, "Example.com"));
	assert_true(text_is(u.port, "8443"));
	assert_true(text_is(u.path, "/a/b"));
	assert_true(text_is(u.query, "c=d&e=%2F"));
	assert_true(u.has_authority && u.has_fragment);
	assert_string_equal(uri_origin(&pool, &u), "https://Example.com:8443");

	assert_true(uri_parse(T("http://[2001:db8::1]"), &u));
	assert_true(text_is(u.host, "[2001:db8::1]"));
	assert_int_equal(u.port.len, 0);
	assert_int_equal(u.path.len, 0);
	assert_null(u.query.base);
	assert_false(u.has_fragment);
	assert_string_equal(uri_origin(&pool, &u), "http://[2001:db8::1]");

	assert_true(uri_parse(T("https://a?"), &u));
	assert_non_null(u.query.base);
	assert_int_equal(u.query.len, 0);
	assert_true(uri_parse(T("com.example.app:/cb"), &u));
	assert_false(u.has_authority);
	assert_int_equal(u.host.len, 0);
	assert_true(text_is(u.path, "/cb"));
	assert_true(uri_parse(T("app:///cb"), &u));
	assert_true(u.has_authority);
	assert_true(uri_parse(T("https://a/#"), &u));
	assert_true(u.has_fragment);
	assert_true(uri_parse(T("urn:a:b"), &u));
}

static const h2o_iovec_t valid[] = {
    T("https://a"),
    T("https://a/"),
    T("https://a.b-c.d_e/f"),
    T("https://1.2.3.4:1/"),
    T("https://a:65535/;p=1/(x)!$&'*+,=:@-._~"),
    T("https://a/%41%c3%A9"),
    T("https://a/..."),
    T("https://a/.well-known/x"),
    T("https://a/a..b/..c/c../.%2e."),
    T("https://a/?q=../../x?y/"),
    T("https://a//b"),
    T("https://xn--bcher-kva.example/"),
    T("https://3com.example/"),
    T("https://a/%252e%252e/"),
    T("http://[::ffff:1.2.3.4]:80/x"),
    T("HTTPS://a/"),
};
static const h2o_iovec_t invalid[] = {
    T(""),
    T("a"),
    T("/a"),
    T("//a/b"),
    T(":"),
    T("://a"),
    T("1a://b"),
    T("-a://b"),
    T("a_b://c"),
    T("h\0ttp://a"),
    T(" https://a"),
    T("https ://a"),
    T("https://a "),
    T("https://a\n"),
    T("https://a/\t"),
    T("https://a/\0"),
    T("https://a/\x7f"),
    T("https://a/\x80"),
    T("https://\xc3\xa9.example/"),
    T("https://a/\xc3\xa9"),
    T("https://a/b c"),
    /* authority */
    T("https:"),
    T("https:a"),
    T("https:/a"),
    T("https://"),
    T("https:///a"),
    T("https://?a"),
    T("https://#a"),
    T("https://:80/"),
    T("https://u@a/"),
    T("https://u:p@a/"),
    T("https://@a/"),
    T("https://a@b@c/"),
    T("https://a%40b/"),
    T("https://a./"),
    T("https://a.b./"),
    T("https://.a/"),
    T("https://a..b/"),
    T("https://./"),
    T("https://../"),
    T("https://a%2eb/"),
    T("https://*.a/"),
    T("https://a;b/"),
    T("https://a,b/"),
    T("https://'a'/"),
    T("https://a\\b/"),
    T("https://a\\@b/"),
    T("https:\\\\a/"),
    T("https:/\\a/"),
    T("https://a b/"),
    T("https://a<b>/"),
    T("https://a|b/"),
    /* ports */
    T("https://a:/"),
    T("https://a:"),
    T("https://a:0/"),
    T("https://a:00080/"),
    T("https://a:65536/"),
    T("https://a:99999999999999999999/"),
    T("https://a:-1/"),
    T("https://a:+1/"),
    T("https://a:8o/"),
    T("https://a:80:80/"),
    T("https://a:%38/"),
    T("https://a:80\\/"),
    /* addresses in odd spellings */
    T("https://2130706433/"),
    T("https://0x7f.1/"),
    T("https://0x7f000001/"),
    T("https://127.1/"),
    T("https://0177.0.0.1/"),
    T("https://127.0.0.01/"),
    T("https://256.1.1.1/"),
    T("https://1.2.3/"),
    T("https://1.2.3.4.5/"),
    T("https://a.0x1/"),
    T("https://a.1/"),
    T("https://[::1/"),
    T("https://[]/"),
    T("https://[/"),
    T("https://::1/"),
    T("https://[::1]a/"),
    T("https://[::1]:/"),
    T("https://[fe80::1%25eth0]/"),
    T("https://[v1.x]/"),
    T("https://[127.0.0.1]/"),
    T("https://[::1]]/"),
    T("https://[[::1]]/"),
    T("https://a[::1]/"),
    T("https://[::1]@a/"),
    T("https://[::1\0]/"),
    T("https://[::1\0.example]/"),
    T("https://1.2.3.4\0/"),
    T("https://[:::1]/"),
    T("https://[1:2:3:4:5:6:7:8:9:1:2:3:4:5:6:7:8:9:1:2:3:4:5:6:7:8:9]/"),
    /* escapes */
    T("https://a/%"),
    T("https://a/%4"),
    T("https://a/%4g"),
    T("https://a/%%41"),
    T("https://a/?%"),
    T("https://a/?%zz"),
    T("https://a/#%"),
    T("https://a/%00"),
    T("https://a/%0d%0aX"),
    T("https://a/?%0a"),
    T("https://a/%1f"),
    T("https://a/%7F"),
    T("https://a/#%09"),
    /* dot segments */
    T("https://a/."),
    T("https://a/.."),
    T("https://a/./b"),
    T("https://a/b/../c"),
    T("https://a/b/.."),
    T("https://a/%2e"),
    T("https://a/%2E%2e/b"),
    T("https://a/.%2e/"),
    T("https://a/%2e./"),
    T("https://a/b%2f..%2fc"),
    T("https://a/b%2F%2e%2e"),
    T("https://a/..;/b"),
    T("https://a/..;x=1/b"),
    T("https://a/.%3b/b"),
    T("https://a/..%3Bx"),
    T("https://a/b%5c..%5cc"),
    T("com.example:../x"),
    T("com.example:/./x"),
    T("com.example:."),
    T("cursor://h/../x"),
    /* characters outside RFC 3986 */
    T("https://a/\\b"),
    T("https://a/b\\..\\c"),
    T("https://a/\"b\""),
    T("https://a/<b>"),
    T("https://a/[b]"),
    T("https://a/b^c"),
    T("https://a/`b`"),
    T("https://a/{b}"),
    T("https://a/b|c"),
    T("https://a/?a[]=b"),
    T("https://a/?a\\b"),
    T("https://a/#b#c"),
    T("https://a/?<b>"),
};

static void is_strict(void **state)
{
	(void)state;
	struct uri u;
	for (size_t i = 0; i < COUNT(valid); i++)
		if (!uri_parse(valid[i], &u))
			fail_msg("refused: %s", valid[i].base);
	for (size_t i = 0; i < COUNT(invalid); i++) {
		char *exact = malloc(invalid[i].len + 1); /* no NUL behind it: ASan watches */
		memcpy(exact, invalid[i].base, invalid[i].len);
		exact = realloc(exact, invalid[i].len == 0 ? 1 : invalid[i].len);
		h2o_iovec_t text = {exact, invalid[i].len};
		if (uri_parse(text, &u))
			fail_msg("accepted: %s", invalid[i].base);
		assert_non_null(uri_redirect_problem(text));
		assert_non_null(uri_issuer_problem(text));
		assert_non_null(uri_resource_problem(text));
		free(exact);
	}
}

static void bounds_sizes(void **state)
{
	(void)state;
	struct uri u;
	char text[2100];
	memset(text, 'a', sizeof(text));
	memcpy(text, "https://h/", 10);
	assert_true(uri_parse(h2o_iovec_init(text, 2048), &u));
	assert_false(uri_parse(h2o_iovec_init(text, 2049), &u));
	memcpy(text, "https://hh", 10);
	assert_true(uri_parse(h2o_iovec_init(text, 8 + 253), &u));
	assert_false(uri_parse(h2o_iovec_init(text, 8 + 254), &u));
}

/* Each byte in each kind of place is either let through or refused, by this list alone. */
static void tries_every_byte(void **state)
{
	(void)state;
	struct uri u;
	const char *common = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
	for (int c = 0; c < 256; c++) {
		char path[] = "https://a/xyx", query[] = "https://a/?yx", host[] = "https://xyx/";
		path[11] = query[11] = host[9] = (char)c;
		bool plain = c != 0 && strchr(common, c) != NULL;
		bool pchar = plain || (c != 0 && strchr(".~!$&'()*+,;=:@/?#", c) != NULL);
		assert_int_equal(uri_parse(T(path), &u), pchar);
		assert_int_equal(uri_parse(T(query), &u), pchar);
		bool ends = c == '/' || c == '?' || c == '#';
		assert_int_equal(uri_parse(h2o_iovec_init(host, 12), &u), plain || c == '.' || ends);
	}
}

static void allows_redirects(void **state)
{
	(void)state;
	static const h2o_iovec_t good[] = {
	    T("https://claude.ai/api/mcp/auth_callback"),
	    T("https://chatgpt.com/connector_platform_oauth_redirect"),
	    T("https://a/?keep=1"),
	    T("http://localhost/callback"),
	    T("http://localhost:6274/oauth/callback"),
	    T("http://127.0.0.1:6276/oauth/callback"),
	    T("http://127.0.0.1"),
	    T("http://[::1]:33418/"),
	    T("cursor://anysphere.cursor-retrieval/oauth/user-abc/callback"),
	    T("vscode://vscode.github-authentication/did-authenticate"),
	    T("vscode-insiders://vscode.github-authentication/did-authenticate"),
	    T("com.example.app:/cb"),
	    T("com.example.app:/oauth2redirect/x"),
	    T("com.example.app://cb"),
	    T("com.googleusercontent.apps.123:oauthredirect"),
	    T("com.raycast:/oauth?package_name=x"),
	    T("windsurf://oauth"),
	    T("goose://oauth"),
	    T("https://a/cb?states=1&xcode=2&to=iss&&=code&Code=1"),
	    T("https://a/cb?"),
	};
	for (size_t i = 0; i < COUNT(good); i++) {
		const char *problem = uri_redirect_problem(good[i]);
		if (problem != NULL)
			fail_msg("%s: %s", good[i].base, problem);
		assert_true(uri_redirect_matches(good[i], good[i]));
	}
}

static void refuses_redirects(void **state)
{
	(void)state;
	static const h2o_iovec_t bad[] = {
	    T("http://example.com/cb"),
	    T("http://127.0.0.2/"),
	    T("http://localhost.example.com/"),
	    T("http://LOCALHOST/"),
	    T("http://[0:0:0:0:0:0:0:1]/"),
	    T("http://127.0.0.1.example.com/"),
	    T("HTTP://localhost/"),
	    T("HTTPS://example.com/"),
	    T("Https://example.com/"),
	    T("http://0.0.0.0/"),
	    T("https://a/#"),
	    T("https://a/#x"),
	    T("http://localhost/#x"),
	    T("com.example.app:/cb#x"),
	    T("https://a/*"),
	    T("https://a/?*"),
	    T("http://localhost:*/cb"),
	    T("com.example.app:/*"),
	    T("javascript:alert(1)"),
	    T("JavaScript:alert(1)"),
	    T("javascript://h/%250aalert(1)"),
	    T(" javascript:alert(1)"),
	    T("\x01javascript:alert(1)"),
	    T("java\tscript:alert(1)"),
	    T("data:text/html,x"),
	    T("DATA://h/text"),
	    T("data://h/x"),
	    T("vbscript:x"),
	    T("vbscript://h/x"),
	    T("VBScript://h/x"),
	    T("file:///etc/passwd"),
	    T("file://h/x"),
	    T("FILE://h/x"),
	    T("blob:https://a/x"),
	    T("blob://h/x"),
	    T("about:blank"),
	    T("about://h"),
	    T("ws://h/x"),
	    T("wss://h/x"),
	    T("ftp://h/x"),
	    T("mailto:a"),
	    T("mailto://h/a"),
	    T("view-source:x"),
	    T("view-source://h/x"),
	    T("chrome://settings/"),
	    T("chrome-extension://abc/x"),
	    T("intent://h/x"),
	    T("filesystem://h/x"),
	    T("tel://h/1"),
	    T("sms://h/1"),
	    T("ms-msdt://h/x"),
	    T("ms-settings://h"),
	    T("search-ms://h/x"),
	    T("jar://h/x"),
	    T("ldap://h/x"),
	    T("moz-extension://x/y"),
	    T("resource://x/y"),
	    T("content://x/y"),
	    T("android-app://x/y"),
	    T("ssh://h/x"),
	    T("smb://h/x"),
	    T("javascript.com://h/x"),
	    T("Cursor://h/cb"),
	    T("COM.example:/cb"),
	    T("com.Example:/cb"),
	    T("cursor:cb"),
	    T("cursor:/cb"),
	    T("cursor:///cb"),
	    T("cursor://"),
	    T("cursor:"),
	    T("com.example.app:"),
	    T("com.example.app://"),
	    T("com.example.app:?x"),
	    T("urn:ietf:wg:oauth:2.0:oob"),
	    T("https://a/cb?code=1"),
	    T("https://a/cb?x=1&iss=https://b"),
	    T("https://a/cb?x=1;state"),
	    T("https://a/cb?%69s%73=b"),
	    T("http://localhost/cb?error=x"),
	    T("com.example.app:/cb?&response=x"),
	};
	for (size_t i = 0; i < COUNT(bad); i++)
		if (uri_redirect_problem(bad[i]) == NULL)
			fail_msg("accepted: %s", bad[i].base);
	/* Every refused scheme in three spellings. */
	for (size_t i = 0; i < COUNT(refused_schemes); i++) {
		if (strncmp(refused_schemes[i], "http", 4) == 0)
			continue;
		char *text = text_printf(&pool, "%s://h/x", refused_schemes[i]);
		assert_string_equal(uri_redirect_problem(text_of(text)),
		                    "the redirect URI has a scheme that is not allowed");
		text[0] = (char)(text[0] - 32);
		assert_string_equal(uri_redirect_problem(text_of(text)),
		                    "the redirect URI has a scheme that is not allowed");
		assert_non_null(uri_redirect_problem(text_of(text_printf(&pool, "%s:x", refused_schemes[i]))));
	}
}

static void matches_exactly(void **state)
{
	(void)state;
	static const h2o_iovec_t same[][2] = {
	    {T("https://a/cb"), T("https://a/cb")},
	    {T("http://localhost/cb"), T("http://localhost:5000/cb")},
	    {T("http://localhost:5000/cb"), T("http://localhost:5001/cb")},
	    {T("http://localhost:5000/cb"), T("http://localhost/cb")},
	    {T("http://127.0.0.1/cb?x=1"), T("http://127.0.0.1:1/cb?x=1")},
	    {T("http://[::1]:1/"), T("http://[::1]:65535/")},
	    {T("http://127.0.0.1"), T("http://127.0.0.1:8080")},
	};
	for (size_t i = 0; i < COUNT(same); i++)
		assert_true(uri_redirect_matches(same[i][0], same[i][1]));
	static const h2o_iovec_t different[][2] = {
	    {T(""), T("")},
	    {T("https://a/cb"), T("")},
	    {T("https://a/cb"), T("https://a/cb/")},
	    {T("https://a/cb"), T("https://a/cb?")},
	    {T("https://a/cb"), T("https://a/cb?x")},
	    {T("https://a/cb"), T("https://a:443/cb")},
	    {T("https://a:1/cb"), T("https://a:2/cb")},
	    {T("https://a/cb"), T("https://A/cb")},
	    {T("https://a/cb"), T("https://a/c%62")},
	    {T("https://a/cb"), T("https://a/cbx")},
	    {T("https://a"), T("https://a/")},
	    {T("https://a/cb"), T("https://a/CB")},
	    {T("https://localhost/cb"), T("https://localhost:1/cb")},
	    {T("http://localhost/cb"), T("http://127.0.0.1/cb")},
	    {T("http://127.0.0.1/cb"), T("http://[::1]/cb")},
	    {T("http://localhost/cb"), T("https://localhost/cb")},
	    {T("http://localhost/cb"), T("http://LOCALHOST:1/cb")},
	    {T("http://localhost/cb"), T("http://localhost:1/cb/")},
	    {T("http://localhost/cb"), T("http://localhost:1/cb?x=1")},
	    {T("http://localhost/cb?x=1"), T("http://localhost:1/cb")},
	    {T("http://localhost/cb?x=1"), T("http://localhost:1/cb?x=2")},
	    {T("http://localhost/cb"), T("http://localhost:1/cb?")},
	    {T("http://localhost/cb"), T("http://localhost:1/cb#x")},
	    {T("http://localhost/cb"), T("http://localhost:0/cb")},
	    {T("http://localhost/cb"), T("http://localhost:/cb")},
	    {T("http://localhost/cb"), T("http://localhost:065/cb")},
	    {T("http://localhost/cb"), T("http://localhost:65536/cb")},
	    {T("http://localhost/cb"), T("http://localhost:1@evil.example/cb")},
	    {T("http://localhost/cb"), T("http://localhost:1\\@evil.example/cb")},
	    {T("http://localhost"), T("http://localhost:1/")},
	    {T("http://example.com/cb"), T("http://example.com:1/cb")},
	    {T("com.example:/cb"), T("com.example:/cb2")},
	    {T("cursor://h/cb"), T("cursor://h:1/cb")},
	};
	for (size_t i = 0; i < COUNT(different); i++) {
		if (uri_redirect_matches(different[i][0], different[i][1]))
			fail_msg("%s matches %s", different[i][0].base, different[i][1].base);
		assert_false(uri_redirect_matches(different[i][1], different[i][0]));
	}
}

static void judges_issuers_and_resources(void **state)
{
	(void)state;
	static const h2o_iovec_t good[] = {
	    T("https://as.example"),    T("https://as.example/t1"),     T("https://as.example:8443/t1/x"),
	    T("http://127.0.0.1:9400"), T("http://localhost:9401/mcp"), T("http://[::1]:1/mcp"),
	};
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_null(uri_issuer_problem(good[i]));
		assert_null(uri_resource_problem(good[i]));
	}
	static const h2o_iovec_t bad[] = {
	    T("https://as.example/"),
	    T("https://as.example/t1/"),
	    T("https://as.example#x"),
	    T("https://as.example/t1#"),
	    T("http://as.example"),
	    T("http://10.0.0.1:80/x"),
	    T("ftp://a/x"),
	    T("com.example:/x"),
	    T("https://AS.example"),
	    T("https://as.example:443"),
	    T("HTTPS://a"),
	    T("http://localhost:80/mcp"),
	    T("urn:x"),
	    T("mcp"),
	};
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_non_null(uri_issuer_problem(bad[i]));
		assert_non_null(uri_resource_problem(bad[i]));
	}
	assert_non_null(uri_issuer_problem(T("https://a?x=1")));
	assert_non_null(uri_issuer_problem(T("https://a?")));
	assert_null(uri_resource_problem(T("https://a/mcp?tenant=1")));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_parts),      cmocka_unit_test(is_strict),
	    cmocka_unit_test(bounds_sizes),     cmocka_unit_test(tries_every_byte),
	    cmocka_unit_test(allows_redirects), cmocka_unit_test(refuses_redirects),
	    cmocka_unit_test(matches_exactly),  cmocka_unit_test(judges_issuers_and_resources),
	};
	h2o_mem_init_pool(&pool);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	h2o_mem_clear_pool(&pool);
	return failed;
}
