"use client";

import { type FormEvent, useState } from "react";
import { RetentionPreview } from "@/components/settings/retention/retention-preview";
import { Button } from "@/components/ui/button";
import { Input, Labelled } from "@/components/ui/field";
import { Outcome } from "@/components/ui/outcome";
import { isShorter, previewRetention, type RetentionDays, type RetentionPolicy, useSetRetention } from "@/lib/retention";
import { useSubmit } from "@/lib/submit";

const FIELDS = [
  { name: "message_days", label: "Messages", hint: "Days. Empty: for ever.", least: 7, required: false },
  { name: "raw_payload_days", label: "Originals", hint: "Days that what providers sent is kept as it came. Empty: as long as the messages.", least: 7, required: false },
  { name: "fact_days", label: "Counts", hint: "Days. Counts may outlive the messages. Empty: as long as the messages.", least: 7, required: false },
  { name: "job_days", label: "Jobs", hint: "Days after they ended.", least: 7, required: true },
  { name: "audit_days", label: "Audit log", hint: "Days, at least: its entries hang together, and it is kept whole.", least: 365, required: true },
] as const;

const daysOf = (form: HTMLFormElement): RetentionDays => {
  const data = new FormData(form);
  const days = (name: string) => (data.get(name) ? Number(data.get(name)) : null);
  return {
    message_days: days("message_days"), raw_payload_days: days("raw_payload_days"), fact_days: days("fact_days"),
    job_days: days("job_days") ?? 0, audit_days: days("audit_days") ?? 0,
  };
};

/** Asks what would go before a shorter policy is set; a longer one is set at once. */
export function RetentionForm({ policy }: { policy: RetentionPolicy }) {
  const setRetention = useSetRetention();
  const { busy, problem, submit } = useSubmit();
  const [asked, setAsked] = useState<{ days: RetentionDays; preview: RetentionPolicy } | null>(null);
  const save = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const days = daysOf(event.currentTarget);
    void submit(async () => {
      if (isShorter(days, policy)) setAsked({ days, preview: await previewRetention(days) });
      else await setRetention(days);
    });
  };
  return (
    <form onSubmit={save} className="flex flex-col gap-4">
      <div className="grid gap-4 sm:grid-cols-2">
        {FIELDS.map(({ name, label, hint, least, required }) => (
          <Labelled key={name} label={label} hint={hint}>
            {(ids) => <Input {...ids} name={name} type="number" inputMode="numeric" min={least} max={36_500} required={required} defaultValue={policy[name] ?? ""} />}
          </Labelled>
        ))}
      </div>
      <Outcome problem={problem} />
      <Button type="submit" variant="primary" disabled={busy} className="self-start">{busy ? "Looking…" : "Save"}</Button>
      {asked && <RetentionPreview wouldGo={asked.preview.would_go} onConfirm={() => setRetention(asked.days)} onClose={() => setAsked(null)} />}
    </form>
  );
}
