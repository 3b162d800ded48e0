"use client";

import { useRouter } from "next/navigation";
import { type FormEvent, useEffect, useState } from "react";
import { Button } from "@/components/ui/button";
import { Input } from "@/components/ui/field";
import { ApiError } from "@/lib/api";
import { useSession } from "@/lib/session";

export default function LoginPage() {
  const { session, logIn } = useSession();
  const router = useRouter();
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);

  useEffect(() => {
    if (session) router.replace("/");
  }, [session, router]);

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setBusy(true);
    setProblem("");
    try {
      await logIn(String(form.get("email")), String(form.get("password")));
    } catch (error) {
      setProblem(error instanceof ApiError ? error.detail || error.message : "The API cannot be reached.");
    } finally {
      setBusy(false);
    }
  };

  return (
    <main className="grid min-h-dvh place-items-center p-4">
      <form onSubmit={submit} className="flex w-full max-w-sm flex-col gap-4 rounded-xl border bg-card p-7 shadow-sm">
        <div>
          <h1 className="text-xl font-semibold">opsintel</h1>
          <p className="text-sm text-muted-foreground">Recurring issues from mail, chat and tickets</p>
        </div>
        <label className="flex flex-col gap-1 text-sm font-medium">
          E-mail
          <Input name="email" type="email" autoComplete="username" required className="min-h-10" />
        </label>
        <label className="flex flex-col gap-1 text-sm font-medium">
          Password
          <Input name="password" type="password" autoComplete="current-password" required className="min-h-10" />
        </label>
        <p role="alert" className="min-h-5 text-sm text-danger">{problem}</p>
        <Button type="submit" variant="primary" disabled={busy} className="min-h-10">{busy ? "Logging in…" : "Log in"}</Button>
      </form>
    </main>
  );
}
