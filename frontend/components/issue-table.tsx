import Link from "next/link";
import { SeverityBadge, StateBadge } from "@/components/severity";
import { Sparkline } from "@/components/sparkline";
import { formatAgo, formatNumber, formatTime, sourceName } from "@/lib/format";
import type { IssueRow } from "@/lib/queries";

/** Issues as rows; as cards on a phone. */
export function IssueTable({ issues }: { issues: IssueRow[] }) {
  return (
    <ul className="divide-y rounded-lg border bg-card">
      {issues.map((issue) => (
        <li key={issue.id} className="relative grid grid-cols-2 items-center gap-x-4 gap-y-1.5 p-3 hover:bg-muted/60 md:grid-cols-[minmax(0,1fr)_5.5rem_6.5rem_4.5rem_4.5rem_5.5rem]">
          <div className="col-span-2 min-w-0 md:col-span-1">
            <Link href={`/issues/${issue.id}/`} className="block truncate font-medium after:absolute after:inset-0">{issue.title}</Link>
            <p className="flex flex-wrap items-center gap-x-2 text-xs text-muted-foreground">
              <span>#{issue.number}</span><StateBadge state={issue.state} />
              <span>{issue.category}</span><span>{issue.sources.map(sourceName).join(", ")}</span>
            </p>
          </div>
          <SeverityBadge level={issue.severity} />
          <Sparkline values={issue.trend} />
          <Cell name="messages" value={formatNumber(issue.messages)} />
          <Cell name="customers" value={formatNumber(issue.customers)} />
          <span className="text-xs text-muted-foreground md:text-right" title={formatTime(issue.last_seen)}>{formatAgo(issue.last_seen)}</span>
        </li>
      ))}
    </ul>
  );
}

function Cell({ name, value }: { name: string; value: string }) {
  return <span className="text-sm md:text-right">{value} <span className="text-xs text-muted-foreground md:block">{name}</span></span>;
}
