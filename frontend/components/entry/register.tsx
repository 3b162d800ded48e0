"use client";

import Link from "next/link";
import { useState } from "react";
import { NewPassword } from "@/components/account/new-password";
import { EmailField } from "@/components/entry/email-field";
import { EntryCard, EntryLinks } from "@/components/entry/entry-card";
import { EntryForm } from "@/components/entry/entry-form";
import { Input, Labelled } from "@/components/ui/field";
import { Skeleton } from "@/components/ui/skeleton";
import { api, messageOf, settle } from "@/lib/api";
import { useEntryOptions } from "@/lib/entry";
import { useLinkToken } from "@/lib/link-token";

const CLOSED = "Nobody can register here by themselves: ask an owner or admin of your organisation for an invitation.";

/** Without a link it asks for an account; with the link of the mail it makes it. */
export function Register() {
  const token = useLinkToken();
  const { data: options, error } = useEntryOptions();
  const [said, setSaid] = useState("");
  if (error) return <EntryCard title="Register"><p role="alert" className="text-sm text-danger">{messageOf(error)}</p></EntryCard>;
  if (options && !options.registration) return <EntryCard title="Register" lead={CLOSED}><EntryLinks><Link href="/login/">Log in</Link></EntryLinks></EntryCard>;
  if (token === undefined || !options) return <EntryCard title="Register"><div role="status" aria-label="Loading"><Skeleton className="h-96" /></div></EntryCard>;
  return (
    <EntryCard title="Register" lead={said ? undefined : token ? "One step is left." : "An account, and a place for your organisation."}>
      <p role="status" className="text-sm empty:hidden">{said}</p>
      {!said && (token ? <Confirm token={token} onDone={setSaid} /> : <RegisterForm onDone={setSaid} />)}
      <EntryLinks><Link href="/login/">Log in</Link></EntryLinks>
    </EntryCard>
  );
}

function RegisterForm({ onDone }: { onDone: (said: string) => void }) {
  const register = async (field: (name: string) => string) => {
    const body = { email: field("email"), name: field("name"), password: field("new"), organization: field("organization") };
    await settle(api.POST("/v1/auth/register", { body }));
    onDone("A mail is on its way: open its link to go on. It works for one day.");
  };
  return (
    <EntryForm action="Register" busyAction="Registering…" onSend={register}>
      <Labelled label="Your name">{(ids) => <Input {...ids} name="name" autoComplete="name" maxLength={200} required className="min-h-10" />}</Labelled>
      <Labelled label="Organisation">{(ids) => <Input {...ids} name="organization" autoComplete="organization" maxLength={200} required className="min-h-10" />}</Labelled>
      <EmailField />
      <NewPassword label="Password" />
    </EntryForm>
  );
}

/** A button, since the programs that look through mail for harmful links follow them too. */
function Confirm({ token, onDone }: { token: string; onDone: (said: string) => void }) {
  const confirm = async () => {
    await settle(api.POST("/v1/auth/register/confirm", { body: { token } }));
    onDone("Your account is made. Log in with the password that you chose.");
  };
  return <EntryForm action="Make the account" busyAction="Making…" onSend={confirm} />;
}
