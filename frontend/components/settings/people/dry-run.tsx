"use client";

import { useState } from "react";
import { Listed } from "@/components/listed";
import { ConfirmErasure } from "@/components/settings/people/confirm-erasure";
import { StoreCounts } from "@/components/settings/people/store-counts";
import { Button } from "@/components/ui/button";
import { Outcome } from "@/components/ui/outcome";
import { isUnderWay, useErasure } from "@/lib/people";
import { useSubmit } from "@/lib/submit";

interface DryRunProps { email: string; dryRunId: string; onClose: () => void; onAgain: () => Promise<unknown> }

/** What an erasure would remove, by store; from here it is asked for. */
export function DryRun({ email, dryRunId, onClose, onAgain }: DryRunProps) {
  const [confirming, setConfirming] = useState(false);
  const { busy, problem, submit } = useSubmit();
  return (
    <section aria-label="Dry run" className="flex flex-col gap-3 rounded-md border p-3">
      <h3 className="text-sm font-medium break-all">{email}</h3>
      <Listed query={useErasure(dryRunId)}>
        {(found) => (
          <>
            <p role="status" className="text-sm">{isUnderWay(found) ? "Looking through every store…" : found.state === "failed" ? found.error : "This would be removed or changed. Nothing is yet."}</p>
            {found.stores && <StoreCounts stores={found.stores} />}
            <Outcome problem={problem} />
            <div className="flex flex-wrap gap-2">
              <Button onClick={onClose}>Cancel</Button>
              {!isUnderWay(found) && <Button onClick={() => void submit(onAgain)} disabled={busy}>Look again</Button>}
              {found.state === "done" && <Button variant="danger" onClick={() => setConfirming(true)}>Erase…</Button>}
            </div>
          </>
        )}
      </Listed>
      {confirming && <ConfirmErasure email={email} dryRunId={dryRunId} onClose={() => setConfirming(false)} onErased={onClose} />}
    </section>
  );
}
