# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The whole of an instance: what it needs in which order. Sourced by contrib/quickstart and tests/conformance/serve,
# which set: state home authz_port mcp_port, and wanted_samples if other samples than the company are wanted
# shellcheck disable=SC2034,SC2154

# Two runs for one instance take turns.
lock_instance() {
	exec 8>>"$home/.lock"
	flock -w 600 8 || refuse "another quickstart works on $state"
}

# What the operator sees first when somebody else's instance, or none, is asked for.
existing_instance() {
	[[ -d $state ]] && state=$(cd -- "$state" && pwd -P)
	home=$state
	[[ ! -L $state/instance ]] || home=$(readlink -f -- "$state/instance")
	socket_folder=$home/run
	daemon_user=$(id -un)
	((EUID != 0)) || daemon_user=$SYSTEM_USER
	[[ -f $home/instance.conf || -d $home/pg ]]
}

stop_daemons() {
	stop_daemon mcp
	stop_daemon authz
}

start_instance() {
	find_postgres
	choose_ports
	choose_samples "${wanted_samples:-}"
	[[ -f $home/pg/PG_VERSION ]] || step "Making a private PostgreSQL cluster" make_cluster
	[[ -n $(postgres_pid) ]] || step "Starting PostgreSQL" start_postgres
	write_configuration
	if [[ $(recall migrated) != "$(recall installed)" ]]; then
		[[ -z $(daemon_pid authz)$(daemon_pid mcp) ]] || step "Stopping the older daemons" stop_daemons
		step "Creating the database" create_database
		step "Applying the schema" migrate
		remember migrated "$(recall installed)"
	fi
	sample_is_loaded || step "Loading the sample data" load_sample
	if [[ $(recall prepared) != "$(recall installed)" ]]; then
		step "Making people" make_people
		step "Registering the MCP server" put_resource
		step "Making the MCP server's credentials" make_resource_server
		step "Making a key for the admin REST" make_admin_key
		remember prepared "$(recall installed)"
	elif [[ -z $(daemon_pid mcp) ]]; then
		# The tool files may have other scopes by now.
		step "Registering the scopes of the tools" put_resource
	fi
	ensure_daemon authz "$authz_port"
	ensure_daemon mcp "$mcp_port"
}
