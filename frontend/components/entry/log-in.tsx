"use client";

import Link from "next/link";
import { useRouter } from "next/navigation";
import { useEffect, useState } from "react";
import { EmailField } from "@/components/entry/email-field";
import { EntryCard, EntryLinks, EntryWay } from "@/components/entry/entry-card";
import { EntryForm } from "@/components/entry/entry-form";
import { Input, Labelled } from "@/components/ui/field";
import { useEntryOptions } from "@/lib/entry";
import { useSession } from "@/lib/session";
import { faultOf, signOnAddress } from "@/lib/sign-on";

/** What went wrong is as the API says it: the same for an account that there is and one that there is not. */
export function LogIn() {
  const { session, logIn } = useSession();
  const { data: options } = useEntryOptions();
  const fault = useFault();
  const router = useRouter();
  useEffect(() => {
    if (session) router.replace("/");
  }, [session, router]);
  return (
    <EntryCard title="opsintel" lead="Recurring issues from mail, chat and tickets">
      {fault && <p role="alert" className="text-sm text-danger">{fault}</p>}
      {options?.passwords !== false && (
        <EntryForm action="Log in" busyAction="Logging in…" onSend={(field) => logIn(field("email"), field("password"))}>
          <EmailField />
          <Labelled label="Password">{(ids) => <Input {...ids} name="password" type="password" autoComplete="current-password" required className="min-h-10" />}</Labelled>
        </EntryForm>
      )}
      {options?.single_sign_on && <EntryWay href={signOnAddress()}>Log in with {options.single_sign_on.label}</EntryWay>}
      {options?.passwords !== false && <EntryLinks><Link href="/reset/">Forgot the password?</Link>{options?.registration && <Link href="/register/">Register</Link>}</EntryLinks>}
    </EntryCard>
  );
}

/** What went wrong with single sign-on; its code is taken out of the address, so that a reload does not say it again. */
function useFault(): string {
  const [fault, setFault] = useState("");
  useEffect(() => {
    const code = new URLSearchParams(window.location.search).get("error") ?? "";
    if (!code) return;
    setFault(faultOf(code));
    window.history.replaceState(null, "", window.location.pathname);
  }, []);
  return fault;
}
