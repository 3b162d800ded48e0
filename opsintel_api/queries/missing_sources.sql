-- $1 sources. How many of them the tenant does not have.
SELECT count(*) FROM unnest($1::uuid[]) AS wanted (id) WHERE NOT EXISTS (SELECT FROM source WHERE source.id = wanted.id)
