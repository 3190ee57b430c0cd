-- SPDX-License-Identifier: Apache-2.0
-- Shows row-level security: the company's accounts, of which a person sees those of the own regions, whatever a statement
-- asks for. It needs company/data.sql and the functions that `sallyport-mcp claims-sql` makes. Load once.
begin;

create table sample.accounts (
	customer_id text primary key references sample.customers,
	region text not null check (region in ('north', 'south', 'west')),
	monthly_fee numeric(8, 2) not null,
	renewal date not null
);

insert into sample.accounts (customer_id, region, monthly_fee, renewal)
select 'C-' || 1000 + n, (array['north', 'south', 'west'])[1 + n % 3], 40 + n * 13 % 900, date '2027-01-15' + n * 5
from generate_series(1, 80) as n;

alter table sample.accounts enable row level security;
-- Without proven claims there is no region, and no row.
create policy own_regions on sample.accounts for select
	using ((select sallyport.claims() -> 'regions') ? region);
grant select on sample.accounts to sallyport_tools_read;

commit;

analyze sample.accounts;
