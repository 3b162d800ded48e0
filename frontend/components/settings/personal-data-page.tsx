"use client";

import { type FormEvent, useState } from "react";
import { Listed } from "@/components/listed";
import { PageFrame } from "@/components/settings/page-frame";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Check } from "@/components/ui/check";
import { Outcome } from "@/components/ui/outcome";
import { type PersonalDataPolicy, usePersonalDataPolicy, useSetPersonalDataPolicy } from "@/lib/policies";
import { useSubmit } from "@/lib/submit";

const POLICIES: [PersonalDataPolicy, string, string][] = [
  ["shown", "Shown", "Whoever may read message text sees the personal data in it."],
  ["masked", "Masked", "Only those who were granted to see it do; for others it is masked."],
  ["revealed", "Revealed one by one", "It is masked for everyone. Who may see it reveals one message at a time, for a reason that is recorded."],
];

export function PersonalDataPage() {
  return (
    <PageFrame title="Personal data" scope="policies.manage">
      <PolicyCard />
    </PageFrame>
  );
}

function PolicyCard() {
  return <Card><Listed query={usePersonalDataPolicy()}>{({ policy }) => <PolicyForm key={policy} policy={policy} />}</Listed></Card>;
}

function PolicyForm({ policy }: { policy: PersonalDataPolicy }) {
  const setPolicy = useSetPersonalDataPolicy();
  const { busy, problem, submit } = useSubmit();
  const [chosen, setChosen] = useState(policy);
  const save = (event: FormEvent) => {
    event.preventDefault();
    void submit(() => setPolicy(chosen));
  };
  return (
    <form onSubmit={save} className="flex flex-col gap-3">
      <fieldset className="flex flex-col gap-2">
        <legend className="mb-2 text-sm text-muted-foreground">E-mail addresses, telephone and account numbers, and the names of people in messages</legend>
        {POLICIES.map(([value, name, meaning]) => (
          <Check key={value} type="radio" name="policy" value={value} checked={chosen === value} onChange={() => setChosen(value)}
            label={<><span className="font-medium">{name}</span><span className="block text-muted-foreground">{meaning}</span></>} />
        ))}
      </fieldset>
      <Outcome problem={problem} />
      <Button type="submit" variant="primary" disabled={busy || chosen === policy} className="self-start">{busy ? "Saving…" : "Save"}</Button>
    </form>
  );
}
