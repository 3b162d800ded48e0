"use client";

import { CsvButton } from "@/components/csv-button";
import { ExploreFilters } from "@/components/explore/explore-filters";
import { MessageSheet } from "@/components/explore/message-sheet";
import { MessageTable } from "@/components/explore/message-table";
import { ModeNotice } from "@/components/mode-notice";
import { usePeriod } from "@/components/period-select";
import { Empty, ErrorCard } from "@/components/states";
import { Button } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/skeleton";
import { useMessages, useSearch } from "@/lib/queries";
import { useUrlState } from "@/lib/url-state";

export function Explore() {
  const [read, write] = useUrlState();
  const { from, to } = usePeriod();
  const q = read("q");
  const list = useMessages({ from, to, kind: read("kind"), severity: read("severity"), actionable: read("actionable"), source: read("source") }, q === "");
  const found = useSearch(q, read("mode") || "hybrid");
  const rows = q ? (found.data?.items ?? []) : (list.data?.pages.flatMap((page) => page.items) ?? []);
  const { error, refetch } = q ? found : list;
  const loaded = q ? found.data !== undefined : list.data !== undefined;
  return (
    <div className="flex flex-col gap-4">
      <div className="flex items-center justify-between gap-3">
        <h1 className="text-xl font-semibold">Explore</h1>
        <CsvButton name="messages" header={["time", "author", "source", "subject", "snippet", "kind", "severity", "issue"]}
          rows={rows.map((m) => [m.occurred_at, m.author, m.source_kind, m.subject, m.snippet, m.kind, m.severity, m.issue?.title])} />
      </div>
      <ExploreFilters />
      {error && !loaded ? <ErrorCard error={error} onRetry={() => void refetch()} /> : !loaded ? <div role="status" aria-label="Loading"><Skeleton className="h-160" /></div> : rows.length === 0 ? (
        <Empty title="No message fits"><Button onClick={() => write({ q: "", kind: "", severity: "", actionable: "", source: "" })}>Clear the filters</Button></Empty>
      ) : <MessageTable rows={rows} onShow={(id) => write({ message: id })} />}
      {!q && list.hasNextPage && <Button onClick={() => void list.fetchNextPage()} className="self-center">More</Button>}
      {q && found.data?.embedder && <ModeNotice builtIn={found.data.embedder.built_in} embedder={found.data.embedder.name} />}
      {read("message") && <MessageSheet id={read("message")} onClose={() => write({ message: "" })} />}
    </div>
  );
}
