"use client";

import { CsvButton } from "@/components/csv-button";
import { IssueTable } from "@/components/issue-table";
import { severityName, SEVERITIES } from "@/components/severity";
import { Empty, ErrorCard } from "@/components/states";
import { Button } from "@/components/ui/button";
import { Input, Select } from "@/components/ui/field";
import { Skeleton } from "@/components/ui/skeleton";
import { cn } from "@/lib/class-names";
import { useIssues } from "@/lib/queries";
import { useUrlState } from "@/lib/url-state";

const STATES = ["", "new", "ongoing", "escalating", "regressed", "resolved", "archived"];

export function IssueList() {
  const [read, write] = useUrlState();
  const filter = { state: read("state"), severity: read("severity"), q: read("q"), sort: read("sort") || "last_seen" };
  const { data, error, refetch, fetchNextPage, hasNextPage, isFetchingNextPage } = useIssues(filter);
  const issues = data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <div className="flex flex-col gap-4">
      <div className="flex items-center justify-between gap-3">
        <h1 className="text-xl font-semibold">Issues</h1>
        <CsvButton name="issues" header={["number", "title", "state", "severity", "category", "messages", "customers", "first seen", "last seen"]}
          rows={issues.map((i) => [i.number, i.title, i.state, i.severity, i.category, i.messages, i.customers, i.first_seen, i.last_seen])} />
      </div>
      <div role="group" aria-label="State" className="flex flex-wrap gap-1 border-b pb-2">
        {STATES.map((state) => (
          <button key={state} type="button" aria-pressed={filter.state === state} onClick={() => write({ state })}
            className={cn("min-h-8 rounded-md px-3 text-sm capitalize hover:bg-muted", filter.state === state && "bg-accent font-medium")}>{state || "All"}</button>
        ))}
      </div>
      <form role="search" className="flex flex-wrap gap-2" onSubmit={(event) => { event.preventDefault(); write({ q: String(new FormData(event.currentTarget).get("q")) }); }}>
        <Input key={filter.q} name="q" defaultValue={filter.q} placeholder="Search titles…" aria-label="Search titles" className="min-w-48 flex-1" />
        <Select aria-label="Severity" value={filter.severity} onChange={(event) => write({ severity: event.target.value })}>
          <option value="">Any severity</option>
          {SEVERITIES.map((level) => <option key={level} value={level}>{severityName(level)}</option>)}
        </Select>
        <Select aria-label="Order" value={filter.sort} onChange={(event) => write({ sort: event.target.value })}>
          <option value="last_seen">Last seen</option><option value="volume">Most messages</option><option value="customers">Most customers</option>
        </Select>
      </form>
      {error && !data ? <ErrorCard error={error} onRetry={() => void refetch()} /> : !data ? <div role="status" aria-label="Loading"><Skeleton className="h-160" /></div> : issues.length === 0 ? (
        <Empty title="No issue fits"><Button onClick={() => write({ state: "", severity: "", q: "" })}>Clear the filters</Button></Empty>
      ) : <IssueTable issues={issues} />}
      {hasNextPage && <Button onClick={() => void fetchNextPage()} disabled={isFetchingNextPage} className="self-center">{isFetchingNextPage ? "Loading…" : "More"}</Button>}
    </div>
  );
}
