# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What an instance is made of: configuration, schema, people, resource, clients. Each part may run again; what is there stays.
# Sourced by contrib/quickstart,
# which sets: top home state
# shellcheck disable=SC2154

sample=$top/contrib/sample # tools, resources and prompts, their scopes and their data

# The people of the demo: name, display name, scopes.
PEOPLE=(
	"alice|Alice (analyst)|logs:read deployments:read customers:read"
	"bob|Bob (engineer)|logs:read deployments:read tickets:read users:read"
	"carol|Carol (administrator)|logs:read deployments:read customers:read tickets:read users:read tools:admin"
)

authz() { "$home/prefix/sbin/sallyport-authz" -c "$home/etc/authz.yaml" "$@"; }
mcp() { "$home/prefix/sbin/sallyport-mcp" -c "$home/etc/mcp.yaml" "$@"; }

# choose_port NAME ASKED DEFAULT OTHER: the port of an earlier run, or the one that was asked for, or a free one.
choose_port() {
	local kept
	kept=$(recall "$1_port")
	if [[ -n $kept ]]; then
		[[ -z $2 || $2 == 0 || $2 == "$kept" ]] ||
			refuse "this instance has $1 on port $kept; clients know it. Use --reset, or another --state"
		printf '%s\n' "$kept"
		return
	fi
	if [[ $2 == 0 ]]; then
		free_port "$4"
		return
	fi
	# Before the instance has it for good.
	! port_is_taken "${2:-$3}" ||
		refuse "port ${2:-$3} is taken by another program. Give --$1-port another number, or 0 for a free one"
	printf '%s\n' "${2:-$3}"
}

choose_ports() {
	authz_port=$(choose_port authz "$authz_port" 9400 "$mcp_port") || exit 1
	mcp_port=$(choose_port mcp "$mcp_port" 9401 "$authz_port") || exit 1
	[[ $authz_port != "$mcp_port" ]] || refuse "authz and mcp need two ports"
	remember authz_port "$authz_port"
	remember mcp_port "$mcp_port"
	issuer=http://127.0.0.1:$authz_port
	resource=http://127.0.0.1:$mcp_port/mcp
}

# configuration_file NAME: standard input, unless the file is there: it may have been edited.
configuration_file() {
	[[ ! -e $home/etc/$1 ]] || return 0
	cat >"$home/etc/$1.part"
	chmod 0640 "$home/etc/$1.part"
	((EUID != 0)) || chown "root:$SYSTEM_USER" "$home/etc/$1.part"
	mv -f -- "$home/etc/$1.part" "$home/etc/$1"
}

write_configuration() {
	configuration_file authz.yaml <<-END
		# The authorization server of this instance. \`sallyport-authz -c FILE check\` checks this file.
		issuer: $issuer
		listen: 127.0.0.1:$authz_port
		database: "$(conninfo sallyport_authz sallyport)"
		admin_database: "$(conninfo sallyport_admin sallyport)"
		secrets: authz.secrets
		templates: $home/prefix/share/sallyport/templates
		audit_log: $home/logs/audit.log
	END
	configuration_file mcp.yaml <<-END
		# The MCP resource server of this instance. \`sallyport-mcp -c FILE check\` checks this file.
		resource: $resource
		name: Sallyport demo
		listen: 127.0.0.1:$mcp_port
		audit_log: $home/logs/audit.log
		authorization_server: $issuer
		introspection: {client_id: sallyport-demo-mcp, client_secret_file: mcp-introspection.secret}
		scopes:
		$(sed '/^#/d; s/^/  /' "$sample/scopes.yaml")
		tools: tools
		resources: resources
		prompts: prompts
		databases:
		  read: {conninfo: "$(conninfo sallyport_tools_read sallyport)"}
		  write: {conninfo: "$(conninfo sallyport_tools_write sallyport)", connections: 1}
	END
	local folder
	for folder in tools resources prompts; do
		[[ ! -d $home/etc/$folder ]] || continue
		cp -R -- "$sample/$folder" "$home/etc/$folder"
		chmod -R u=rwX,go=rX "$home/etc/$folder"
	done
	if [[ ! -s $home/etc/authz.secrets ]]; then
		"$home/prefix/sbin/sallyport-authz" secret new | keep_private "$home/etc/authz.secrets" "$SYSTEM_USER:$SYSTEM_USER"
	fi
	if [[ ! -s $home/etc/mcp-introspection.secret ]]; then
		# Another one comes when the client is made.
		random_text 32 | keep_private "$home/etc/mcp-introspection.secret" "$SYSTEM_USER:$SYSTEM_USER"
	fi
}

# random_text BYTES: lower-case letters and digits in groups of four.
random_text() {
	head -c "$1" /dev/urandom | base32 -w0 | tr -d '=' | tr '[:upper:]' '[:lower:]' | sed 's/..../&-/g; s/-$//'
}

create_database() {
	[[ $(admin_sql postgres <<<"select 1 from pg_database where datname = 'sallyport'") == 1 ]] ||
		admin_sql postgres <<<"create database sallyport"
}

migrate() {
	authz migrate --database "$(conninfo postgres sallyport)" --sql "$home/prefix/share/sallyport/sql"
}

load_sample() {
	admin_sql sallyport <"$sample/sample.sql"
}

sample_is_loaded() {
	[[ $(admin_sql sallyport <<<"select to_regnamespace('sample') is not null") == t ]]
}

# Each person gets a random password, once. It is kept in private/people, for --json and the demo only.
make_people() {
	local row name display scopes password
	for row in "${PEOPLE[@]}"; do
		IFS='|' read -r name display scopes <<<"$row"
		! grep -q "^$name:" "$home/private/people" 2>/dev/null || continue
		password=$(random_text 10)
		# Made by a run that was stopped half-way: then only the password is new.
		authz person add "$name" --display "$display" --scope "$scopes" <<<"$password" ||
			authz person password "$name" <<<"$password" || return
		{ cat "$home/private/people" 2>/dev/null || true; printf '%s:%s\n' "$name" "$password"; } |
			keep_private "$home/private/people.new" root:root
		mv -f -- "$home/private/people.new" "$home/private/people"
	done
}

# password_is_known NAME: false for a person whose password the operator changed, or who was disabled, since make_people.
password_is_known() {
	[[ $(admin_sql sallyport <<<"select enabled and password_changed_at <= to_timestamp($(stat -c %.Y "$home/private/people"))
		from authz.people where username = '$1'") == t ]]
}

put_resource() {
	local scopes
	scopes=$(mcp scopes) || return
	authz resource put "$resource" --name "Sallyport demo" --default --scopes - <<<"$scopes"
}

# The client as which mcp introspects. Its secret is printed once, so a client without a kept secret is made anew.
make_resource_server() {
	local answer secret
	[[ $(recall resource_server) != made ]] || return 0
	authz client delete sallyport-demo-mcp >/dev/null 2>&1 || true
	answer=$(authz client add --id sallyport-demo-mcp --name "Sallyport demo MCP server" --resource "$resource" --json) || return
	secret=$(sed -n 's/.*"client_secret" *: *"\([^"]*\)".*/\1/p' <<<"$answer")
	[[ -n $secret ]] || { printf 'no client_secret in the answer\n'; return 1; }
	printf '%s\n' "$secret" | keep_private "$home/etc/mcp-introspection.secret" "$SYSTEM_USER:$SYSTEM_USER"
	remember resource_server made
}

make_admin_key() {
	local answer token
	[[ ! -s $home/private/admin.token ]] || return 0
	authz admin-key revoke quickstart >/dev/null 2>&1 || true
	answer=$(authz admin-key add quickstart --scope admin:clients) || return
	token=$(grep -o 'spa_[A-Za-z0-9._~-]*' <<<"$answer" | head -n 1)
	[[ -n $token ]] || { printf 'no key in the answer\n'; return 1; }
	printf '%s\n' "$token" | keep_private "$home/private/admin.token" root:root
}

json_text() {
	local s=$1
	s=${s//\\/\\\\}
	s=${s//\"/\\\"}
	printf '"%s"' "$s"
}

people_json() {
	local row name display scopes password comma=
	for row in "${PEOPLE[@]}"; do
		IFS='|' read -r name display scopes <<<"$row"
		password=$(sed -n "s/^$name://p" "$home/private/people")
		printf '%s\n    {"username": "%s", "password": "%s", "scopes": ["%s"]}' "$comma" "$name" "$password" "${scopes// /\", \"}"
		comma=,
	done
}

instance_json() {
	cat <<-END
		{
		  "issuer": $(json_text "$issuer"),
		  "mcp": $(json_text "$resource"),
		  "state": $(json_text "$state"),
		  "pids": {"authz": $(daemon_pid authz), "mcp": $(daemon_pid mcp), "postgres": $(postgres_pid)},
		  "logs": {"authz": $(json_text "$home/logs/authz.log"), "mcp": $(json_text "$home/logs/mcp.log"), "audit": $(json_text "$home/logs/audit.log")},
		  "people": [$(people_json)
		  ],
		  "resource_server": {"client_id": "sallyport-demo-mcp", "client_secret": $(json_text "$(<"$home/etc/mcp-introspection.secret")")},
		  "admin": {"url": $(json_text "$issuer/admin"), "token": $(json_text "$(<"$home/private/admin.token")")}
		}
	END
}
