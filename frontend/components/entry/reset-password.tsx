"use client";

import Link from "next/link";
import { useState } from "react";
import { NewPassword } from "@/components/account/new-password";
import { EmailField } from "@/components/entry/email-field";
import { EntryCard, EntryLinks } from "@/components/entry/entry-card";
import { EntryForm } from "@/components/entry/entry-form";
import { Skeleton } from "@/components/ui/skeleton";
import { api, settle } from "@/lib/api";
import { useLinkToken } from "@/lib/link-token";
import { useSession } from "@/lib/session";

/** Without a link it asks for one; with a link it sets the password. */
export function ResetPassword() {
  const token = useLinkToken();
  const [said, setSaid] = useState("");
  if (token === undefined) return <EntryCard title="Set a new password"><div role="status" aria-label="Loading"><Skeleton className="h-48" /></div></EntryCard>;
  return (
    <EntryCard title="Set a new password" lead={said || token ? undefined : "A link to do so comes by mail."}>
      <p role="status" className="text-sm empty:hidden">{said}</p>
      {!said && (token ? <SetForm token={token} onDone={setSaid} /> : <AskForm onDone={setSaid} />)}
      <EntryLinks><Link href="/login/">Log in</Link></EntryLinks>
    </EntryCard>
  );
}

function AskForm({ onDone }: { onDone: (said: string) => void }) {
  const ask = async (field: (name: string) => string) => {
    await settle(api.POST("/v1/auth/reset", { body: { email: field("email") } }));
    onDone("If this address has an account, a mail is on its way; its link works for one hour. When none comes, ask whoever runs this installation.");
  };
  return <EntryForm action="Send the link" busyAction="Sending…" onSend={ask}><EmailField /></EntryForm>;
}

function SetForm({ token, onDone }: { token: string; onDone: (said: string) => void }) {
  const { forget } = useSession();
  const set = async (field: (name: string) => string) => {
    await settle(api.POST("/v1/auth/reset/confirm", { body: { token, password: field("new") } }));
    forget();
    onDone("The password is set, and every session has ended. Log in with the new one.");
  };
  return <EntryForm action="Set the password" busyAction="Setting…" onSend={set}><NewPassword /></EntryForm>;
}
