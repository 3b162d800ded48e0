"use client";

import type { FormEvent } from "react";
import { Button } from "@/components/ui/button";
import { Input, Labelled } from "@/components/ui/field";
import { useUrlState } from "@/lib/url-state";

const NAMES = ["action", "actor", "subject", "from", "to"] as const;

/** The filters of the log, which live in the address. */
export function AuditFilters() {
  const [read, write] = useUrlState();
  const apply = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    write(Object.fromEntries(NAMES.map((name) => [name, String(form.get(name) ?? "").trim()])));
  };
  return (
    <form role="search" onSubmit={apply} key={NAMES.map(read).join(" ")} className="flex flex-wrap items-end gap-2">
      <Labelled label="Action">{(ids) => <Input {...ids} name="action" defaultValue={read("action")} placeholder="member" pattern="[a-z][a-z_.]*" maxLength={100} />}</Labelled>
      <Labelled label="Who">{(ids) => <Input {...ids} name="actor" defaultValue={read("actor")} placeholder="Id" maxLength={200} />}</Labelled>
      <Labelled label="What">{(ids) => <Input {...ids} name="subject" defaultValue={read("subject")} placeholder="Id" maxLength={200} />}</Labelled>
      <Labelled label="From">{(ids) => <Input {...ids} name="from" type="date" defaultValue={read("from")} />}</Labelled>
      <Labelled label="To">{(ids) => <Input {...ids} name="to" type="date" defaultValue={read("to")} />}</Labelled>
      <Button type="submit">Filter</Button>
    </form>
  );
}
