"use client";

import { CsvButton } from "@/components/csv-button";
import { Listed } from "@/components/listed";
import { AuditFilters } from "@/components/settings/audit/audit-filters";
import { AuditTable } from "@/components/settings/audit/audit-table";
import { PageFrame } from "@/components/settings/page-frame";
import { Empty } from "@/components/states";
import { Button } from "@/components/ui/button";
import { useAudit } from "@/lib/audit";
import { useUrlState } from "@/lib/url-state";

export function AuditPage() {
  return (
    <PageFrame title="Audit log" scope="audit.read">
      <p className="text-sm text-muted-foreground">What was done, by whom and to what. Each entry holds the hash of the one before: none can be changed or left out unseen.</p>
      <AuditFilters />
      <Entries />
    </PageFrame>
  );
}

function Entries() {
  const [read, write] = useUrlState();
  const query = useAudit({ action: read("action"), actor: read("actor"), subject: read("subject"), from: read("from"), to: read("to") });
  const entries = query.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <>
      <Listed query={query}>
        {() => (entries.length === 0
          ? <Empty title="No entry fits"><Button onClick={() => write({ action: "", actor: "", subject: "", from: "", to: "" })}>Clear the filters</Button></Empty>
          : <AuditTable entries={entries} onActor={(actor) => write({ actor })} onSubject={(subject) => write({ subject })} />)}
      </Listed>
      <div className="flex justify-between gap-2">
        <CsvButton name="audit" header={["place", "time", "actor kind", "actor", "action", "subject kind", "subject", "details"]}
          rows={entries.map((one) => [one.seq, one.at, one.actor.kind, one.actor.id ?? one.actor.name, one.action, one.subject.kind, one.subject.id ?? one.subject.name, JSON.stringify(one.details)])} />
        {query.hasNextPage && <Button onClick={() => void query.fetchNextPage()} disabled={query.isFetchingNextPage}>{query.isFetchingNextPage ? "Loading…" : "More"}</Button>}
      </div>
    </>
  );
}
