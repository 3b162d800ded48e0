"use client";

import { useState } from "react";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import type { Schemas } from "@/lib/api";
import { cn } from "@/lib/class-names";
import { formatAgo, formatNumber, formatTime, sourceName } from "@/lib/format";
import { useFailures } from "@/lib/queries";

/** A source: its state, and for each day what was counted there against what is stored and analysed. */
export function SourceCard({ source }: { source: Schemas["Source"] }) {
  const [failures, setFailures] = useState(false);
  return (
    <Card>
      <div className="flex items-start justify-between gap-3">
        <div className="min-w-0"><h2 className="truncate font-semibold">{source.name}</h2><p className="text-xs text-muted-foreground">{sourceName(source.kind)} · read {formatAgo(source.last_sync_at)}</p></div>
        <span className={cn("rounded-full px-2 py-0.5 text-xs font-medium capitalize", source.state === "active" ? "bg-good/15" : "bg-sev1/15")}>{source.state}</span>
      </div>
      {source.detail && <p className="mt-2 text-sm text-danger">{source.detail}</p>}
      <p className="mt-3 text-sm">{formatNumber(source.messages)} messages</p>
      <DayGrid days={source.days} />
      <Button variant="ghost" aria-expanded={failures} disabled={source.failures === 0} onClick={() => setFailures(!failures)} className="mt-2 px-1">{source.failures} failures</Button>
      {failures && <Failures id={source.id} />}
    </Card>
  );
}

function DayGrid({ days }: { days: Schemas["Completeness"][] }) {
  return (
    <ul aria-label="Completeness by day" className="mt-2 flex flex-wrap gap-1">
      {days.slice(-60).map((day) => {
        const whole = day.census !== null && day.census !== undefined && day.stored >= day.census;
        const text = `${day.day}: ${day.census ?? "not"} counted, ${day.stored} stored, ${day.analysed} analysed`;
        return <li key={day.day} title={text} className={cn("size-3.5 rounded-sm", whole ? "bg-good/70" : day.census === null ? "bg-muted" : "bg-sev2")}><span className="sr-only">{text}</span></li>;
      })}
    </ul>
  );
}

function Failures({ id }: { id: string }) {
  const { data } = useFailures(id);
  return (
    <ul className="mt-2 flex flex-col gap-2 border-t pt-2 text-sm">
      {data?.items.map((failure) => <li key={failure.id}><p className="break-words">{failure.reason}</p><p className="text-xs break-all text-muted-foreground">{failure.stage} · {failure.key} · {formatTime(failure.last_at)}</p></li>)}
    </ul>
  );
}
