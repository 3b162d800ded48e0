"use client";

import { Confirm } from "@/components/ui/confirm";
import { formatNumber } from "@/lib/format";
import type { RetentionPolicy } from "@/lib/retention";

interface RetentionPreviewProps { wouldGo: RetentionPolicy["would_go"]; onConfirm: () => Promise<unknown>; onClose: () => void }

const KINDS = [["messages", "messages"], ["raw_payloads", "originals"], ["facts", "counts by day"], ["jobs", "jobs"]] as const;

/** Says how much goes before a shorter policy is set. */
export function RetentionPreview({ wouldGo, onConfirm, onClose }: RetentionPreviewProps) {
  return (
    <Confirm title="Keep less?" action="Keep less" onConfirm={onConfirm} onClose={onClose}
      description={(
        <>
          <p>This would be deleted with the next run, and cannot be brought back:</p>
          <ul className="mt-2 list-disc pl-5">{KINDS.map(([name, words]) => <li key={name}>{formatNumber(wouldGo[name])} {words}</li>)}</ul>
        </>
      )} />
  );
}
