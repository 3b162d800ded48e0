"use client";

import type { ReactNode } from "react";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Outcome } from "@/components/ui/outcome";
import { useSubmit } from "@/lib/submit";

interface ConfirmProps { title: string; description: ReactNode; action: string; onConfirm: () => Promise<unknown>; onClose: () => void }

/** Asks before something that cannot be taken back; stays open with the reason when the API refuses. */
export function Confirm({ title, description, action, onConfirm, onClose }: ConfirmProps) {
  const { busy, problem, submit } = useSubmit();
  const confirm = async () => {
    if (await submit(onConfirm)) onClose();
  };
  return (
    <Dialog title={title} description={description} onClose={onClose}>
      <Outcome problem={problem} />
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>Cancel</Button>
        <Button variant="danger" disabled={busy} onClick={() => void confirm()}>{action}</Button>
      </div>
    </Dialog>
  );
}
