# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What an instance is made of: configuration, schema, people, resource, clients. Each part may run again; what is there stays.
# Sourced by contrib/quickstart,
# which sets: top home state
# shellcheck disable=SC2154

sample=$top/contrib/samples/company # tools, resources and prompts, their scopes and their data
samples=() # names of those in contrib/samples that come on top of it

# The people of the demo: name, display name, scopes, claims.
PEOPLE=(
	"alice|Alice (analyst)|logs:read deployments:read customers:read"
	"bob|Bob (engineer)|logs:read deployments:read tickets:read users:read"
	"carol|Carol (administrator)|logs:read deployments:read customers:read tickets:read users:read tools:admin"
)

# choose_samples "NAME...": of a new instance, for good. Without a name: the company alone.
choose_samples() {
	[[ -e $home/etc/mcp.yaml ]] || remember samples "$1"
	read -ra samples <<<"$(recall samples)"
	((${#samples[@]} == 0)) || PEOPLE=(
		'alice|Alice (analyst)|logs:read deployments:read customers:read accounts:read|{"regions": ["north"], "environments": []}'
		'bob|Bob (engineer)|logs:read deployments:read tickets:read users:read accounts:read hosts:read deployments:write|{"regions": ["south"], "environments": ["staging"]}'
		'carol|Carol (administrator)|logs:read deployments:read customers:read tickets:read users:read tools:admin accounts:read hosts:read deployments:write|{"regions": ["north", "south", "west"], "environments": ["staging", "production"]}'
	)
}

# sample_files NAME: the files of this name, of the company and of what comes on top.
sample_files() {
	local folder
	for folder in "$sample" "${samples[@]/#/$top/contrib/samples/}"; do
		[[ ! -e $folder/$1 ]] || printf '%s\0' "$folder/$1"
	done
}

# sample_members NAME: what stands in these files, without comments.
sample_members() {
	sample_files "$1" | xargs -0 -r sed '/^#/d'
}

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
	[[ ! -e $home/etc/$1 ]] || { cat >/dev/null; return 0; }
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
		audit: {key: audit.key}
	END
	mcp_configuration | configuration_file mcp.yaml
	((${#samples[@]} == 0)) || rules | configuration_file rules.yaml
	copy_items
	if [[ ! -s $home/etc/authz.secrets ]]; then
		"$home/prefix/sbin/sallyport-authz" secret new | keep_private "$home/etc/authz.secrets" "$SYSTEM_USER:$SYSTEM_USER"
	fi
	[[ -s $home/etc/audit.key ]] || make_audit_key
	if ((${#samples[@]} > 0)) && [[ ! -s $home/etc/mcp.secrets ]]; then
		"$home/prefix/sbin/sallyport-authz" secret new | keep_private "$home/etc/mcp.secrets" "$SYSTEM_USER:$SYSTEM_USER"
	fi
	if [[ ! -s $home/etc/mcp-introspection.secret ]]; then
		# Another one comes when the client is made.
		random_text 32 | keep_private "$home/etc/mcp-introspection.secret" "$SYSTEM_USER:$SYSTEM_USER"
	fi
}

make_audit_key() {
	rm -f -- "$home/private/audit.key" "$home/private/audit.key.pub"
	"$home/prefix/sbin/sallyport-mcp" audit key new "$home/private/audit.key"
	keep_private "$home/etc/audit.key" "$SYSTEM_USER:$SYSTEM_USER" <"$home/private/audit.key"
	install -m 0644 -- "$home/private/audit.key.pub" "$home/etc/audit.key.pub"
	rm -f -- "$home/private/audit.key" "$home/private/audit.key.pub"
}

mcp_configuration() {
	cat <<-END
		# The MCP resource server of this instance. \`sallyport-mcp -c FILE check\` checks this file.
		resource: $resource
		name: Sallyport demo
		listen: 127.0.0.1:$mcp_port
		audit_log: $home/logs/audit.log
		audit: {key: audit.key}
		authorization_server: $issuer
		introspection: {client_id: sallyport-demo-mcp, client_secret_file: mcp-introspection.secret}
		scopes:
		$(sample_members scopes.yaml | sed 's/^/  /')
		tools: tools
		resources: resources
		prompts: prompts
		database: "$(conninfo sallyport_mcp sallyport)"
		databases:
		  read: {conninfo: "$(conninfo sallyport_tools_read sallyport)"}
		  write: {conninfo: "$(conninfo sallyport_tools_write sallyport)", connections: 1}
	END
	[[ ${SALLYPORT_LIMITS:-on} == on ]] || printf '%s\n' "limits: $SALLYPORT_LIMITS"
	((${#samples[@]} == 0)) || cat <<-END
		secrets: mcp.secrets
		claims:
		$(sample_members claims.yaml | sed 's/^/  /')
		rules: rules.yaml
		$(sample_members settings.yaml)
	END
}

# The rules of all samples in one file.
rules() {
	printf '%s\n' "# What callers may do beyond their scopes. \`sallyport-mcp -c mcp.yaml explain --help\` says how to ask about a call."
	printf 'rules:\n'
	sample_members rules.yaml | sed '/^rules:$/d'
}

copy_items() {
	local folder files
	for folder in tools resources prompts; do
		[[ ! -d $home/etc/$folder ]] || continue
		rm -rf -- "$home/etc/$folder.part"
		mkdir -- "$home/etc/$folder.part"
		mapfile -d '' files < <(sample_files "$folder")
		cp -R -- "${files[@]/%//.}" "$home/etc/$folder.part"
		chmod -R u=rwX,go=rX "$home/etc/$folder.part"
		mv -T -- "$home/etc/$folder.part" "$home/etc/$folder"
	done
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

# All of it or nothing.
load_sample() {
	((${#samples[@]} == 0)) || mcp claims-sql | admin_sql sallyport || return
	{
		printf 'begin;\n'
		sample_files data.sql | xargs -0 sed '/^begin;$/d; /^commit;$/d'
		printf 'commit;\n'
	} | admin_sql sallyport
}

sample_is_loaded() {
	[[ $(admin_sql sallyport <<<"select to_regnamespace('sample') is not null") == t ]]
}

# Each person gets a random password, once. It is kept in private/people, for --json and the demo only.
make_people() {
	local row name display scopes claims password
	for row in "${PEOPLE[@]}"; do
		IFS='|' read -r name display scopes claims <<<"$row"
		! grep -q "^$name:" "$home/private/people" 2>/dev/null || continue
		password=$(random_text 10)
		# Made by a run that was stopped half-way: then only the password is new.
		authz person add "$name" --display "$display" --scope "$scopes" <<<"$password" ||
			authz person password "$name" <<<"$password" || return
		[[ -z $claims ]] || authz person claims "$name" - <<<"$claims" || return
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

# It can have been revoked, with all others (sallyport-authz revoke all).
admin_key_lives() {
	authz admin-key list | awk -F'\t' '$1 == "quickstart" && $NF == "alive" { found = 1 } END { exit !found }'
}

make_admin_key() {
	local answer token
	[[ ! -s $home/private/admin.token ]] || ! admin_key_lives || return 0
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
		IFS='|' read -r name display scopes _ <<<"$row"
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
