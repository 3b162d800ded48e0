"use client";

import { useState } from "react";
import { DryRun } from "@/components/settings/people/dry-run";
import { EmailForm } from "@/components/settings/people/email-form";
import { usePeopleActions } from "@/lib/people";

/** An address, what would be removed, and only then the erasure. */
export function ErasePerson() {
  const { tryErasure } = usePeopleActions();
  const [tried, setTried] = useState<{ email: string; dryRunId: string } | null>(null);
  return (
    <div className="flex flex-col gap-3">
      <p className="text-sm text-muted-foreground">What they wrote, what others&apos; messages say of them, and who they are go from every store. What comes of them later is erased on arrival.</p>
      {tried
        ? <DryRun key={tried.dryRunId} email={tried.email} dryRunId={tried.dryRunId} onClose={() => setTried(null)} onAgain={async () => setTried({ email: tried.email, dryRunId: await tryErasure(tried.email) })} />
        : <EmailForm label="E-mail of the person to erase" action="See what would go" doing="Looking…" onEmail={async (email) => setTried({ email, dryRunId: await tryErasure(email) })} />}
    </div>
  );
}
