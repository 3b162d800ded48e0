"use client";

import { type FormEvent, useState } from "react";
import { ExpirySelect } from "@/components/settings/keys/expiry-select";
import { KeyValue } from "@/components/settings/keys/key-value";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Labelled, Select } from "@/components/ui/field";
import { Outcome } from "@/components/ui/outcome";
import { type ServiceKey, useServiceKeyActions } from "@/lib/service-keys";
import { useSubmit } from "@/lib/submit";

const OVERLAPS: [number, string][] = [[0, "Ends at once"], [1, "1 hour more"], [24, "1 day more"], [168, "7 days more"]];

export function RotateKey({ target, onClose }: { target: ServiceKey; onClose: () => void }) {
  const [value, setValue] = useState<string | null>(null);
  const { rotate } = useServiceKeyActions();
  const { busy, problem, submit } = useSubmit();
  const send = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const body = { overlap_hours: Number(form.get("overlap")), expires_in_days: Number(form.get("days")) };
    void submit(async () => setValue((await rotate(target.id, body)).value));
  };
  return (
    <Dialog title={`Rotate “${target.name}”`} description="The key gets another value, with the same rights." onClose={onClose}>
      {value !== null ? <KeyValue value={value} onClose={onClose} /> : (
        <form onSubmit={send} className="flex flex-col gap-4">
          <Labelled label="The value of now">
            {(ids) => <Select {...ids} name="overlap" defaultValue={24}>{OVERLAPS.map(([hours, words]) => <option key={hours} value={hours}>{words}</option>)}</Select>}
          </Labelled>
          <ExpirySelect />
          <Outcome problem={problem} />
          <div className="flex justify-end gap-2">
            <Button onClick={onClose}>Cancel</Button>
            <Button type="submit" variant="primary" disabled={busy}>{busy ? "Rotating…" : "Rotate"}</Button>
          </div>
        </form>
      )}
    </Dialog>
  );
}
