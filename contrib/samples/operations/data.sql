-- SPDX-License-Identifier: Apache-2.0
-- What this sample changes in the company's database. It needs company/data.sql and the functions that
-- `sallyport-mcp claims-sql` makes. Load once.
begin;

-- A new deployment bears the name of the person who asked for it: the database takes it from the proven claims, and no
-- statement can give another one.
create function sample.sign_deployment() returns trigger language plpgsql as $$
begin
	new.deployed_by := sallyport.claim('username');
	if new.deployed_by is null then
		raise exception 'nobody asks for this deployment';
	end if;
	return new;
end $$;
create trigger sign_deployment before insert on sample.deployments
	for each row when (session_user = 'sallyport_tools_write') execute function sample.sign_deployment();

grant select, insert (service, environment, version, status, started_at) on sample.deployments to sallyport_tools_write;

commit;
