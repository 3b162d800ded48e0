import Link from "next/link";
import { Card, CardTitle } from "@/components/ui/card";
import type { Schemas } from "@/lib/api";
import { formatNumber, sourceName } from "@/lib/format";

/** What surges now, and where messages come from. */
export function SideLists({ overview }: { overview: Schemas["Overview"] }) {
  const highest = Math.max(1, ...overview.by_source.map((source) => source.messages));
  return (
    <div className="flex flex-col gap-5">
      <Card>
        <CardTitle>Surging now</CardTitle>
        {overview.surging.length === 0 && <p className="text-sm text-muted-foreground">Nothing above what the last weeks predict.</p>}
        <ul className="flex flex-col gap-2">
          {overview.surging.map((surge) => (
            <li key={surge.issue_id} className="text-sm">
              <Link href={`/issues/${surge.issue_id}/`} className="block truncate font-medium hover:underline">{surge.title}</Link>
              <p className="text-xs text-muted-foreground">{surge.today} today, {surge.expected.toFixed(1)} expected{surge.ratio ? ` · ${surge.ratio.toFixed(1)}×` : ""}</p>
            </li>
          ))}
        </ul>
      </Card>
      <Card>
        <CardTitle>By source</CardTitle>
        <ul className="flex flex-col gap-2.5">
          {overview.by_source.map((source) => (
            <li key={source.source_id} className="text-sm">
              <p className="flex justify-between gap-2"><Link href={`/explore/?source=${source.source_id}`} className="truncate hover:underline">{source.name}</Link><span>{formatNumber(source.messages)}</span></p>
              <div className="mt-1 h-1.5 rounded-full bg-muted" title={sourceName(source.kind)}><div className="h-full rounded-full bg-primary" style={{ width: `${(source.messages / highest) * 100}%` }} /></div>
            </li>
          ))}
        </ul>
      </Card>
    </div>
  );
}
