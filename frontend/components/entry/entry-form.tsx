"use client";

import type { FormEvent, ReactNode } from "react";
import { Button } from "@/components/ui/button";
import { Outcome } from "@/components/ui/outcome";
import { useSubmit } from "@/lib/submit";

interface EntryFormProps {
  action: string;
  busyAction: string;
  /** Sends what was filled in; what it throws is said under the fields. */
  onSend: (field: (name: string) => string) => Promise<unknown>;
  children?: ReactNode;
}

/** A form of a page without a session: its fields, what went wrong, one button. */
export function EntryForm({ action, busyAction, onSend, children }: EntryFormProps) {
  const { busy, problem, submit } = useSubmit();
  const send = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    void submit(() => onSend((name) => String(form.get(name) ?? "")));
  };
  return (
    <form onSubmit={send} className="flex flex-col gap-4">
      {children}
      <Outcome problem={problem} />
      <Button type="submit" variant="primary" disabled={busy} className="min-h-10">{busy ? busyAction : action}</Button>
    </form>
  );
}
