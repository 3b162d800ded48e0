"use client";

import { PasswordForm } from "@/components/account/password-form";
import { SessionsCard } from "@/components/account/sessions-card";
import { Card, CardTitle } from "@/components/ui/card";
import { useMe } from "@/lib/me";
import { useSession } from "@/lib/session";

/** One's own account: who one is here, the password, and the sessions. */
export function Account() {
  const { session } = useSession();
  const { data: me } = useMe();
  if (!session) return null;
  const facts: [string, string][] = [
    ["Name", session.user.name], ["E-mail", session.user.email], ["Organisation", session.tenant.name], ["Role", me?.role ?? session.role],
  ];
  return (
    <div className="flex flex-col gap-4">
      <h1 className="text-xl font-semibold">Account</h1>
      <Card>
        <CardTitle>You</CardTitle>
        <dl className="grid grid-cols-[7rem_minmax(0,1fr)] gap-y-1 text-sm">
          {facts.map(([name, value]) => [<dt key={name} className="text-muted-foreground">{name}</dt>, <dd key={`${name}-value`} className="break-words">{value}</dd>])}
        </dl>
      </Card>
      <PasswordForm />
      <SessionsCard />
    </div>
  );
}
