"use client";

import { type FormEvent, useState } from "react";
import { NewPassword } from "@/components/account/new-password";
import { Button } from "@/components/ui/button";
import { Card, CardTitle } from "@/components/ui/card";
import { Input, Labelled } from "@/components/ui/field";
import { Outcome } from "@/components/ui/outcome";
import { useChangePassword } from "@/lib/account";
import { useSession } from "@/lib/session";
import { useSubmit } from "@/lib/submit";

export function PasswordForm() {
  const { session } = useSession();
  const changePassword = useChangePassword();
  const { busy, problem, submit } = useSubmit();
  const [done, setDone] = useState("");
  const change = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const given = new FormData(form);
    setDone("");
    if (await submit(() => changePassword(String(given.get("current")), String(given.get("new"))))) {
      form.reset();
      setDone("The password is changed, and your sessions elsewhere have ended.");
    }
  };
  return (
    <Card>
      <CardTitle>Password</CardTitle>
      <form onSubmit={(event) => void change(event)} className="flex max-w-sm flex-col gap-3">
        <input type="hidden" name="username" autoComplete="username" value={session?.user.email ?? ""} readOnly />
        <Labelled label="Present password">{(ids) => <Input {...ids} name="current" type="password" autoComplete="current-password" required className="min-h-10" />}</Labelled>
        <NewPassword />
        <Outcome problem={problem} done={done} />
        <Button type="submit" variant="primary" disabled={busy} className="self-start">{busy ? "Changing…" : "Change the password"}</Button>
      </form>
    </Card>
  );
}
