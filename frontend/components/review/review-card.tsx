"use client";

import { type FormEvent, useState } from "react";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Labelled, Select } from "@/components/ui/field";
import { Outcome } from "@/components/ui/outcome";
import { formatTime } from "@/lib/format";
import { reasonInWords, type Resolution, type ReviewItem, useResolve } from "@/lib/review";
import { useSubmit } from "@/lib/submit";

const KINDS = ["help", "complaint", "request", "bug_report", "incident", "question", "praise", "churn_risk", "billing", "security", "legal", "other"];

/** A message with what was found in it: right, wrong, or left alone. */
export function ReviewCard({ item, mayResolve }: { item: ReviewItem; mayResolve: boolean }) {
  const resolve = useResolve();
  const { busy, problem, submit } = useSubmit();
  const say = (body: Resolution) => void submit(() => resolve(item.id, body));
  return (
    <li>
      <Card className="flex flex-col gap-3">
        <div>
          <h2 className="font-medium break-words">{item.subject || "(no subject)"}</h2>
          <p className="text-xs text-muted-foreground">{item.author ?? "unknown"} · {formatTime(item.occurred_at)} · {reasonInWords(item)}</p>
        </div>
        <p className="text-sm break-words">{item.snippet}</p>
        {item.shown && (
          <p className="text-sm text-muted-foreground">
            {item.shown.kind} · {item.shown.category || "no category"} · severity {item.shown.severity} · {item.shown.not_actionable_reason ? `nobody has to act: ${item.shown.not_actionable_reason}` : "somebody has to act"}
          </p>
        )}
        {mayResolve && item.shown && <Correction item={item} busy={busy} onSay={say} />}
        <Outcome problem={problem} />
      </Card>
    </li>
  );
}

function Correction({ item, busy, onSay }: { item: ReviewItem; busy: boolean; onSay: (body: Resolution) => void }) {
  const [kind, setKind] = useState(item.shown?.kind ?? "other");
  const [severity, setSeverity] = useState(item.shown?.severity ?? 3);
  const corrections: Resolution["corrections"] = [
    ...(kind === item.shown?.kind ? [] : [{ field: "kind" as const, value: kind }]),
    ...(severity === item.shown?.severity ? [] : [{ field: "severity" as const, value: severity }]),
  ];
  const correct = (event: FormEvent) => {
    event.preventDefault();
    onSay({ verdict: "corrected", corrections, reason: "" });
  };
  return (
    <form onSubmit={correct} className="flex flex-wrap items-end gap-2">
      <Button variant="primary" disabled={busy} onClick={() => onSay({ verdict: "confirmed", corrections: [], reason: "" })}>Right</Button>
      <Labelled label="Kind">{(ids) => <Select {...ids} value={kind} onChange={(event) => setKind(event.target.value as typeof kind)}>{KINDS.map((one) => <option key={one}>{one}</option>)}</Select>}</Labelled>
      <Labelled label="Severity">{(ids) => <Select {...ids} value={severity} onChange={(event) => setSeverity(Number(event.target.value))}>{[1, 2, 3, 4, 5].map((one) => <option key={one}>{one}</option>)}</Select>}</Labelled>
      <Button type="submit" disabled={busy || corrections.length === 0}>Correct</Button>
      <Button variant="ghost" disabled={busy} onClick={() => onSay({ verdict: "skipped", corrections: [], reason: "" })}>Skip</Button>
    </form>
  );
}
