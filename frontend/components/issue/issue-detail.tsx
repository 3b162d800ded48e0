"use client";

import dynamic from "next/dynamic";
import Link from "next/link";
import { usePathname } from "next/navigation";
import { ChartCard } from "@/components/chart-card";
import { IssueFacts } from "@/components/issue/issue-facts";
import { Members } from "@/components/issue/members";
import { ModeNotice } from "@/components/mode-notice";
import { SeverityBadge, StateBadge } from "@/components/severity";
import { ErrorCard } from "@/components/states";
import { Card, CardTitle } from "@/components/ui/card";
import { Skeleton } from "@/components/ui/skeleton";
import { formatDay, formatTime, sourceName } from "@/lib/format";
import { useIssue } from "@/lib/queries";

const SourceChart = dynamic(() => import("@/components/source-chart"), { ssr: false, loading: () => <Skeleton className="h-50" /> });

export function IssueDetail() {
  const id = usePathname().split("/")[2] ?? "";
  const { data: issue, error, refetch } = useIssue(id);
  if (error && !issue) return <ErrorCard error={error} onRetry={() => void refetch()} />;
  if (!issue) return <div role="status" aria-label="Loading" className="flex flex-col gap-5"><Skeleton className="h-20" /><Skeleton className="h-64" /><Skeleton className="h-96" /></div>;
  const kinds = [...new Set(issue.by_source_day.map((row) => row.kind))];
  const days = daysOf(issue.by_source_day);
  return (
    <div className="flex flex-col gap-5">
      <div>
        <p className="text-xs text-muted-foreground"><Link href="/issues/" className="hover:underline">Issues</Link> / #{issue.number}</p>
        <h1 className="text-xl font-semibold break-words">{issue.title}</h1>
        <p className="mt-1 flex flex-wrap items-center gap-3 text-sm"><SeverityBadge level={issue.severity} /><StateBadge state={issue.state} /><span className="text-muted-foreground">{issue.category}</span></p>
        {issue.merged_into && <p role="status" className="mt-2 rounded-md bg-accent p-2 text-sm">This issue was merged into <Link className="underline" href={`/issues/${issue.merged_into}/`}>another one</Link>.</p>}
        {issue.summary && <p className="mt-2 max-w-3xl text-sm break-words">{issue.summary}</p>}
      </div>
      <div className="grid grid-cols-1 gap-5 lg:grid-cols-[minmax(0,1fr)_18rem]">
        <div className="flex min-w-0 flex-col gap-5">
          <ChartCard title="Messages by source" height={200} header={["Day", ...kinds.map(sourceName)]} rows={days.map((day) => [formatDay(String(day.day)), ...kinds.map((kind) => day[kind] ?? 0)])}>
            <SourceChart days={days} kinds={kinds} />
          </ChartCard>
          <Card>
            <CardTitle>In their words</CardTitle>
            <ul className="flex flex-col gap-3">
              {issue.quotes.map((quote) => (
                <li key={quote.message_id} className="border-l-2 pl-3 text-sm"><p className="break-words">{quote.text}</p><p className="text-xs text-muted-foreground">{quote.author ?? "Unknown"} · {sourceName(quote.source_kind)} · {formatTime(quote.occurred_at)}</p></li>
              ))}
            </ul>
          </Card>
          <Members id={id} />
        </div>
        <IssueFacts issue={issue} />
      </div>
      <ModeNotice builtIn={issue.clustering?.built_in ?? true} embedder={issue.clustering?.name} />
    </div>
  );
}

function daysOf(rows: { day: string; kind: string; messages: number }[]): Record<string, string | number>[] {
  const byDay = new Map<string, Record<string, string | number>>();
  for (const { day, kind, messages } of rows) {
    const entry = byDay.get(day) ?? { day };
    entry[kind] = Number(entry[kind] ?? 0) + messages;
    byDay.set(day, entry);
  }
  return [...byDay.values()].sort((a, b) => String(a.day).localeCompare(String(b.day)));
}
