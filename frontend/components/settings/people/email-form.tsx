"use client";

import type { FormEvent } from "react";
import { Button } from "@/components/ui/button";
import { Input, Labelled } from "@/components/ui/field";
import { Outcome } from "@/components/ui/outcome";
import { useSubmit } from "@/lib/submit";

interface EmailFormProps { label: string; action: string; doing: string; onEmail: (email: string) => Promise<unknown> }

/** Asks for the address of the person who is meant. */
export function EmailForm({ label, action, doing, onEmail }: EmailFormProps) {
  const { busy, problem, submit } = useSubmit();
  const send = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const email = String(new FormData(event.currentTarget).get("email")).trim();
    void submit(() => onEmail(email));
  };
  return (
    <form onSubmit={send} className="flex flex-col gap-2">
      <div className="flex flex-wrap items-end gap-2">
        <Labelled label={label}>{(ids) => <Input {...ids} name="email" type="email" autoComplete="off" maxLength={320} required className="w-72 max-w-full" />}</Labelled>
        <Button type="submit" disabled={busy}>{busy ? doing : action}</Button>
      </div>
      <Outcome problem={problem} />
    </form>
  );
}
