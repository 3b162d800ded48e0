"use client";

import { type FormEvent, useState } from "react";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Input, Labelled } from "@/components/ui/field";
import { Outcome } from "@/components/ui/outcome";
import { usePeopleActions } from "@/lib/people";
import { useSubmit } from "@/lib/submit";

interface ConfirmErasureProps { email: string; dryRunId: string; onClose: () => void; onErased: () => void }

/** The address has to be typed again: nothing of an erasure can be taken back. */
export function ConfirmErasure({ email, dryRunId, onClose, onErased }: ConfirmErasureProps) {
  const { erase } = usePeopleActions();
  const { busy, problem, submit } = useSubmit();
  const [typed, setTyped] = useState("");
  const isSame = typed.trim().toLowerCase() === email.toLowerCase();
  const confirm = async (event: FormEvent) => {
    event.preventDefault();
    if (await submit(() => erase(email, dryRunId))) onErased();
  };
  return (
    <Dialog title="Erase this person?" description="It cannot be taken back. Should what would go have changed since you looked, nothing is erased." onClose={onClose}>
      <form onSubmit={(event) => void confirm(event)} className="flex flex-col gap-3">
        <Labelled label={`Type ${email} to confirm`}>
          {(ids) => <Input {...ids} value={typed} onChange={(event) => setTyped(event.target.value)} autoComplete="off" spellCheck={false} autoFocus />}
        </Labelled>
        <Outcome problem={problem} />
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" variant="danger" disabled={busy || !isSame}>{busy ? "Asking…" : "Erase"}</Button>
        </div>
      </form>
    </Dialog>
  );
}
