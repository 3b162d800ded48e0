"use client";

import dynamic from "next/dynamic";
import Link from "next/link";
import { useState } from "react";
import { EvidenceText } from "@/components/explore/evidence-text";
import { MaskNotice } from "@/components/explore/mask-notice";
import { MaskedText } from "@/components/explore/masked-text";
import { reasonOf } from "@/components/issue/members";
import { ModeNotice } from "@/components/mode-notice";
import { SeverityBadge } from "@/components/severity";
import { ErrorCard } from "@/components/states";
import { Skeleton } from "@/components/ui/skeleton";
import type { Schemas } from "@/lib/api";
import { formatTime, sourceName } from "@/lib/format";
import { useMessage } from "@/lib/queries";

const Sheet = dynamic(() => import("@/components/ui/sheet").then((module) => module.Sheet), { ssr: false });

export function MessageSheet({ id, onClose }: { id: string; onClose: () => void }) {
  const { data, error, refetch } = useMessage(id);
  const [revealed, setRevealed] = useState<Schemas["Message"] | null>(null);
  const isRevealed = revealed?.id === id;
  const message = isRevealed ? revealed : data;
  return (
    <Sheet open onClose={onClose} title={message?.subject || "Message"}>
      {error && !message && <ErrorCard error={error} onRetry={() => void refetch()} />}
      {!message && !error && <Skeleton className="h-96" />}
      {message && <div className="flex flex-col gap-4"><MaskNotice message={message} isRevealed={isRevealed} onReveal={setRevealed} /><MessageBody message={message} /></div>}
    </Sheet>
  );
}

function MessageBody({ message }: { message: Schemas["Message"] }) {
  const { analysis, membership } = message;
  return (
    <div className="flex flex-col gap-4">
      <p className="text-xs text-muted-foreground">{message.author ?? "Unknown"} · {sourceName(message.source_kind)} · {formatTime(message.occurred_at)}{message.language && ` · ${message.language}`}</p>
      <EvidenceText text={message.text} evidence={analysis?.evidence ?? []} />
      {message.quoted_text && <details className="text-sm"><summary className="text-muted-foreground">Quoted text</summary><p className="mt-1 border-l-2 pl-3 break-words whitespace-pre-wrap text-muted-foreground"><MaskedText text={message.quoted_text} /></p></details>}
      {message.signature_text && <details className="text-sm"><summary className="text-muted-foreground">Signature</summary><p className="mt-1 whitespace-pre-wrap text-muted-foreground"><MaskedText text={message.signature_text} /></p></details>}
      {message.defects.length > 0 && <p className="text-xs text-danger">Raw message: {message.defects.join("; ")}</p>}
      {analysis && <AnalysisFacts analysis={analysis} />}
      {membership && <p className="text-sm">Issue <Link className="text-primary underline" href={`/issues/${membership.issue.id}/`}>#{membership.issue.number} {membership.issue.title}</Link><span className="block text-xs text-muted-foreground">Why: {reasonOf(membership)}</span></p>}
      {message.thread.length > 1 && (
        <div><h3 className="text-sm font-semibold">Thread</h3><ol className="mt-1 flex flex-col gap-1.5 text-sm">{message.thread.map((part) => <li key={part.id}><span className="text-xs text-muted-foreground">{part.author ?? "Unknown"} · {formatTime(part.occurred_at)}</span><span className="line-clamp-2">{part.snippet}</span></li>)}</ol></div>
      )}
      <ModeNotice builtIn={analysis?.built_in ?? false} />
    </div>
  );
}

function AnalysisFacts({ analysis }: { analysis: Schemas["Analysis"] }) {
  const facts: [string, string][] = [
    ["Needs action", analysis.is_actionable ? "yes" : `no (${analysis.not_actionable_reason ?? ""})`], ["Kind", analysis.kind.replaceAll("_", " ")],
    ["Category", analysis.category_path.join(" / ")], ["Impact", analysis.impact], ["Urgency", analysis.urgency], ["Sentiment", analysis.sentiment.replaceAll("_", " ")],
    ["Asks for", analysis.asks.map((ask) => ask.type.replaceAll("_", " ")).join(", ")], ["Named", analysis.entities.map((entity) => entity.value).join(", ")],
    ["Personal data", analysis.pii.map((found) => `${found.count} ${found.type}`).join(", ")], ["By", `${analysis.provider} · ${analysis.model} · ${analysis.profile_version}`],
  ];
  return (
    <div className="rounded-md border p-3">
      <p className="mb-2 flex items-center justify-between text-sm font-semibold">Analysis <SeverityBadge level={analysis.severity} /></p>
      {analysis.injection_suspected && <p className="mb-2 text-xs text-danger">This text tries to give orders to a model: “{analysis.injection_quote}”</p>}
      <dl className="grid grid-cols-[7rem_minmax(0,1fr)] gap-y-1 text-sm">
        {facts.filter(([, value]) => value).map(([name, value]) => [<dt key={name} className="text-muted-foreground">{name}</dt>, <dd key={`${name}-value`} className="break-words">{value}</dd>])}
      </dl>
    </div>
  );
}
