"use client";

import { type FormEvent, useState } from "react";
import { RightsFields } from "@/components/settings/members/rights-fields";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Input, Labelled } from "@/components/ui/field";
import { Outcome } from "@/components/ui/outcome";
import type { Schemas } from "@/lib/api";
import { isComplete, type Rights, useMemberActions } from "@/lib/members";
import { useSession } from "@/lib/session";
import { useSubmit } from "@/lib/submit";

export function InviteDialog({ onClose }: { onClose: () => void }) {
  const [sent, setSent] = useState<Schemas["SentInvitation"] | null>(null);
  return (
    <Dialog title="Invite to this organisation" description="The link works once, and for seven days." onClose={onClose}>
      {sent ? <Sent sent={sent} onClose={onClose} /> : <InviteForm onSent={setSent} onClose={onClose} />}
    </Dialog>
  );
}

function InviteForm({ onSent, onClose }: { onSent: (sent: Schemas["SentInvitation"]) => void; onClose: () => void }) {
  const [rights, setRights] = useState<Rights>({ role: "viewer", grants: [], source_ids: null });
  const { invite } = useMemberActions();
  const { busy, problem, submit } = useSubmit();
  const send = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const email = String(new FormData(event.currentTarget).get("email"));
    void submit(async () => onSent(await invite({ email, ...rights })));
  };
  return (
    <form onSubmit={send} className="flex flex-col gap-4">
      <Labelled label="E-mail">{(ids) => <Input {...ids} name="email" type="email" autoComplete="off" maxLength={320} required />}</Labelled>
      <RightsFields rights={rights} onChange={setRights} />
      <Outcome problem={problem} />
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" variant="primary" disabled={busy || !isComplete(rights)}>{busy ? "Inviting…" : "Invite"}</Button>
      </div>
    </form>
  );
}

function Sent({ sent, onClose }: { sent: Schemas["SentInvitation"]; onClose: () => void }) {
  const { session } = useSession();
  const command = `opsintel account link ${sent.id} --tenant ${session?.tenant.slug}`;
  return (
    <>
      <p role="status" className="text-sm">
        {sent.delivery === "mail" ? "A mail with the link is on its way." : <>No mail server is set here. Whoever runs this installation prints the link with <code className="break-all">{command}</code>.</>}
      </p>
      <Button variant="primary" className="self-end" onClick={onClose} autoFocus>Close</Button>
    </>
  );
}
