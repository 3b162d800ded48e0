"use client";

import Link from "next/link";
import { useRouter } from "next/navigation";
import { useEffect } from "react";
import { EmailField } from "@/components/entry/email-field";
import { EntryCard, EntryLinks } from "@/components/entry/entry-card";
import { EntryForm } from "@/components/entry/entry-form";
import { Input, Labelled } from "@/components/ui/field";
import { useEntryOptions } from "@/lib/entry";
import { useSession } from "@/lib/session";

/** What went wrong is as the API says it: the same for an account that there is and one that there is not. */
export function LogIn() {
  const { session, logIn } = useSession();
  const { data: options } = useEntryOptions();
  const router = useRouter();
  useEffect(() => {
    if (session) router.replace("/");
  }, [session, router]);
  return (
    <EntryCard title="opsintel" lead="Recurring issues from mail, chat and tickets">
      <EntryForm action="Log in" busyAction="Logging in…" onSend={(field) => logIn(field("email"), field("password"))}>
        <EmailField />
        <Labelled label="Password">{(ids) => <Input {...ids} name="password" type="password" autoComplete="current-password" required className="min-h-10" />}</Labelled>
      </EntryForm>
      <EntryLinks><Link href="/reset/">Forgot the password?</Link>{options?.registration && <Link href="/register/">Register</Link>}</EntryLinks>
    </EntryCard>
  );
}
