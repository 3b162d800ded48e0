"use client";

import Link from "next/link";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Outcome } from "@/components/ui/outcome";
import { type Alert, kindOf, titleOf, useAcknowledge } from "@/lib/alerts";
import { cn } from "@/lib/class-names";
import { formatTime } from "@/lib/format";
import { useSubmit } from "@/lib/submit";

const stateOf = ({ state, acknowledged_at }: Alert): string => (state === "resolved" ? "Resolved" : acknowledged_at ? "Acknowledged" : "Open");

/** An alert: what it is about and what to do, since when, and whether somebody knows. */
export function AlertCard({ alert, mayAcknowledge }: { alert: Alert; mayAcknowledge: boolean }) {
  const acknowledge = useAcknowledge();
  const { busy, problem, submit } = useSubmit();
  const state = stateOf(alert);
  const title = titleOf(alert);
  const { href, page } = kindOf(alert);
  return (
    <li>
      <Card className="flex flex-col gap-2">
        <div className="flex items-start justify-between gap-3">
          <h2 className="min-w-0 font-medium break-words">{title}</h2>
          <span className={cn("rounded-full px-2 py-0.5 text-xs font-medium", state === "Open" ? "bg-sev1/15" : "bg-muted")}>{state}</span>
        </div>
        <p className="text-sm break-words">{alert.line}</p>
        <p className="text-xs text-muted-foreground">
          Since {formatTime(alert.opened_at)}{alert.resolved_at && ` · resolved ${formatTime(alert.resolved_at)}`}{alert.acknowledged_at && ` · acknowledged ${formatTime(alert.acknowledged_at)}`}
        </p>
        <div className="flex flex-wrap items-center gap-2">
          <Link href={href} className="text-sm underline">{page}</Link>
          {mayAcknowledge && state === "Open" && <Button disabled={busy} aria-label={`Acknowledge ${title}`} onClick={() => void submit(() => acknowledge(alert.id))}>Acknowledge</Button>}
        </div>
        <Outcome problem={problem} />
      </Card>
    </li>
  );
}
