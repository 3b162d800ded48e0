import type { ReactNode } from "react";
import { MaskedText } from "@/components/explore/masked-text";

export interface Span { start: number; end: number; field: string }

/** A message's text with its evidence marked; only ever text nodes, whatever the text holds. */
export function EvidenceText({ text, evidence }: { text: string; evidence: Span[] }) {
  const parts: ReactNode[] = [];
  let at = 0;
  for (const span of [...evidence].sort((a, b) => a.start - b.start)) {
    if (span.start < at || span.end > text.length) continue;
    parts.push(<MaskedText key={`before ${span.start}`} text={text.slice(at, span.start)} />);
    parts.push(<mark key={span.start} title={`evidence for ${span.field}`} className="rounded bg-sev3/30 text-inherit"><MaskedText text={text.slice(span.start, span.end)} /></mark>);
    at = span.end;
  }
  parts.push(<MaskedText key="rest" text={text.slice(at)} />);
  return <p className="text-sm break-words whitespace-pre-wrap">{parts}</p>;
}
