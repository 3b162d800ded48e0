"use client";

import { type FormEvent, useState } from "react";
import { ExpirySelect } from "@/components/settings/keys/expiry-select";
import { KeyValue } from "@/components/settings/keys/key-value";
import { SourceLimit } from "@/components/settings/members/rights-fields";
import { Button } from "@/components/ui/button";
import { Check } from "@/components/ui/check";
import { Dialog } from "@/components/ui/dialog";
import { Input, Labelled } from "@/components/ui/field";
import { Outcome } from "@/components/ui/outcome";
import { useMe } from "@/lib/me";
import { givableScopes, KEY_SCOPES } from "@/lib/scopes";
import { useServiceKeyActions } from "@/lib/service-keys";
import { useSubmit } from "@/lib/submit";

export function CreateKey({ onClose }: { onClose: () => void }) {
  const [value, setValue] = useState<string | null>(null);
  return (
    <Dialog title="New service key" onClose={onClose}>
      {value === null ? <CreateForm onMade={setValue} onClose={onClose} /> : <KeyValue value={value} onClose={onClose} />}
    </Dialog>
  );
}

function CreateForm({ onMade, onClose }: { onMade: (value: string) => void; onClose: () => void }) {
  const held = useMe().data?.scopes ?? [];
  const { create } = useServiceKeyActions();
  const { busy, problem, submit } = useSubmit();
  const [chosen, setChosen] = useState<string[]>(["insights.read"]);
  const [sources, setSources] = useState<string[] | null>(null);
  const givable = givableScopes(held, sources !== null);
  const scopes = chosen.filter((scope) => givable.includes(scope));
  const send = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const body = { name: String(form.get("name")), scopes, source_ids: sources, expires_in_days: Number(form.get("days")) };
    void submit(async () => onMade((await create(body)).value));
  };
  return (
    <form onSubmit={send} className="flex flex-col gap-4">
      <Labelled label="Name" hint="The program that it is for.">{(ids) => <Input {...ids} name="name" maxLength={100} required autoComplete="off" />}</Labelled>
      <fieldset className="flex flex-col gap-1">
        <legend className="mb-1 text-sm font-medium">May</legend>
        {givable.map((scope) => (
          <Check key={scope} label={KEY_SCOPES[scope]} checked={chosen.includes(scope)}
            onChange={(event) => setChosen(event.target.checked ? [...chosen, scope] : chosen.filter((other) => other !== scope))} />
        ))}
      </fieldset>
      <SourceLimit chosen={sources} onChange={setSources} />
      <ExpirySelect />
      <Outcome problem={problem} />
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" variant="primary" disabled={busy || scopes.length === 0 || sources?.length === 0}>{busy ? "Making…" : "Make the key"}</Button>
      </div>
    </form>
  );
}
