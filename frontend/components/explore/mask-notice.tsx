"use client";

import { EyeOff } from "lucide-react";
import { type FormEvent, useState } from "react";
import { Button } from "@/components/ui/button";
import { Input, Labelled } from "@/components/ui/field";
import { Outcome } from "@/components/ui/outcome";
import type { Schemas } from "@/lib/api";
import { isMasked } from "@/lib/masking";
import { useMay } from "@/lib/me";
import { revealMessage } from "@/lib/reveal";
import { useSubmit } from "@/lib/submit";

interface MaskNoticeProps { message: Schemas["Message"]; isRevealed: boolean; onReveal: (message: Schemas["Message"]) => void }

/** Says that personal data in a message is masked; who may see it gives a reason first. */
export function MaskNotice({ message, isRevealed, onReveal }: MaskNoticeProps) {
  const mayReveal = useMay("messages.read_unmasked");
  const [asking, setAsking] = useState(false);
  const hidden = [message.subject, message.text, message.quoted_text, message.signature_text, message.author].some(isMasked);
  if (!hidden && !isRevealed) return null;
  return (
    <div className="flex flex-col gap-2 rounded-md border p-3">
      <p role="status" className="flex items-start gap-2 text-sm">
        <EyeOff size={14} aria-hidden className="mt-1 shrink-0 text-muted-foreground" />
        {isRevealed ? "Shown unmasked until you close it. That you did so, and why, is in the audit log." : "Personal data in this message is masked."}
      </p>
      {hidden && mayReveal && !isRevealed && (asking
        ? <ReasonForm id={message.id} onReveal={onReveal} onCancel={() => setAsking(false)} />
        : <Button onClick={() => setAsking(true)} className="self-start">Reveal…</Button>)}
    </div>
  );
}

interface ReasonFormProps { id: string; onReveal: (message: Schemas["Message"]) => void; onCancel: () => void }

function ReasonForm({ id, onReveal, onCancel }: ReasonFormProps) {
  const { busy, problem, submit } = useSubmit();
  const send = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const reason = String(new FormData(event.currentTarget).get("reason"));
    void submit(async () => onReveal(await revealMessage(id, reason)));
  };
  return (
    <form onSubmit={send} className="flex flex-col gap-2">
      <Labelled label="Reason" hint="It goes into the audit log: name nobody in it.">
        {(ids) => <Input {...ids} name="reason" minLength={3} maxLength={200} required autoComplete="off" autoFocus />}
      </Labelled>
      <Outcome problem={problem} />
      <div className="flex gap-2">
        <Button type="submit" variant="primary" disabled={busy}>{busy ? "Revealing…" : "Reveal"}</Button>
        <Button onClick={onCancel}>Cancel</Button>
      </div>
    </form>
  );
}
