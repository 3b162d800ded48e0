-- Facts lie in months. A month that nobody made yet, or that is gone, has its rows in the partition `_rest`: a late day
-- never fails. Rows are reached through their table alone: a partition has a policy for back-ups and none besides.

CREATE OR REPLACE FUNCTION public.facts_close(part regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', part);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', part);
    EXECUTE format('CREATE POLICY backup ON %s FOR SELECT TO opsintel_backup USING (true)', part);
    EXECUTE format('GRANT SELECT ON %s TO opsintel_backup', part);
END
$$;

-- Makes the partitions of this month and of the two that follow, and moves rows there that came before them. Returns how
-- many it made. It waits two seconds for a lock, and then fails: the next night tries again.
CREATE OR REPLACE FUNCTION public.facts_ahead() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s'
AS $$
DECLARE
    parent name;
    begins date;
    ends date;
    part text;
    rest text;
    made integer := 0;
BEGIN
    FOR parent, begins IN
        SELECT relname, month::date FROM pg_partitioned_table JOIN pg_class ON pg_class.oid = partrelid,
            generate_series(date_trunc('month', now() AT TIME ZONE 'UTC'),
                            now() AT TIME ZONE 'UTC' + interval '2 months', interval '1 month') AS month
        WHERE relnamespace = 'public'::regnamespace ORDER BY relname, month
    LOOP
        part := format('public.%I', parent || to_char(begins, '_YYYY_MM'));
        CONTINUE WHEN to_regclass(part) IS NOT NULL;
        ends := begins + interval '1 month';
        rest := format('public.%I', parent || '_rest');
        EXECUTE format('CREATE TABLE %s (LIKE public.%I INCLUDING DEFAULTS INCLUDING INDEXES)', part, parent);
        EXECUTE format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', rest);
        EXECUTE format('CREATE TABLE public.facts_moved (LIKE %s)', part);
        EXECUTE format('WITH moved AS (DELETE FROM %s WHERE day >= %L AND day < %L RETURNING *)'
                       ' INSERT INTO public.facts_moved SELECT * FROM moved', rest, begins, ends);
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', rest);
        -- Attached while it is empty: references of rows that it had would be checked by the owner, whom row security
        -- binds in the tables referred to.
        EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION %s FOR VALUES FROM (%L) TO (%L)',
                       parent, part, begins, ends);
        EXECUTE format('INSERT INTO %s SELECT * FROM public.facts_moved', part);
        DROP TABLE public.facts_moved;
        PERFORM public.facts_close(part::regclass);
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;

-- Drops the months of a table of facts that end by a day, and returns how many. DETACH ... CONCURRENTLY is no way: it
-- runs in no transaction, and not beside `_rest`. So the table is locked for the moment of the drop; for the lock itself
-- it waits two seconds, and then fails: the next night tries again.
CREATE OR REPLACE FUNCTION public.facts_forget(relation name, until date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s'
AS $$
DECLARE
    part regclass;
    dropped integer := 0;
BEGIN
    FOR part IN
        SELECT inhrelid::regclass FROM pg_inherits
            JOIN pg_partitioned_table ON partrelid = inhparent
            JOIN pg_class ON pg_class.oid = inhrelid
        WHERE inhparent = to_regclass(format('public.%I', relation))
            AND substring(pg_get_expr(relpartbound, inhrelid) FROM 'TO \(''([-0-9]+)''\)')::date
                <= least(until, (now() AT TIME ZONE 'UTC')::date)
    LOOP
        EXECUTE format('DROP TABLE %s', part);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END
$$;

REVOKE ALL ON FUNCTION public.facts_close(regclass), public.facts_ahead(), public.facts_forget(name, date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.facts_ahead(), public.facts_forget(name, date) TO opsintel_system;
