"use client";

import { useQuery } from "@tanstack/react-query";
import Link from "next/link";
import { useRouter } from "next/navigation";
import { NewPassword } from "@/components/account/new-password";
import { EntryCard, EntryLinks } from "@/components/entry/entry-card";
import { EntryForm } from "@/components/entry/entry-form";
import { Input, Labelled } from "@/components/ui/field";
import { Skeleton } from "@/components/ui/skeleton";
import { api, messageOf, type Schemas, unwrap } from "@/lib/api";
import { useEntryOptions } from "@/lib/entry";
import { leaveFor } from "@/lib/leave";
import { useLinkToken } from "@/lib/link-token";
import { useSession } from "@/lib/session";

/** Where the link of an invitation leads: says what it invites to, and makes or finds the account that joins. */
export function Invitation() {
  const token = useLinkToken();
  const { data: invitation, error } = useQuery({
    queryKey: ["invitation", token],
    queryFn: () => unwrap(api.POST("/v1/auth/invitations/inspect", { body: { token: token ?? "" } })),
    enabled: Boolean(token), staleTime: Infinity, gcTime: 0, refetchInterval: false,
  });
  if (token === "") return <Unusable reason="Open the link of the mail again: its second half is missing here." />;
  if (error) return <Unusable reason={messageOf(error)} />;
  if (!token || !invitation) return <EntryCard title="Invitation"><div role="status" aria-label="Loading"><Skeleton className="h-64" /></div></EntryCard>;
  return <Accept token={token} invitation={invitation} />;
}

function Accept({ token, invitation }: { token: string; invitation: Schemas["OpenInvitation"] }) {
  const { session, goOn } = useSession();
  const { data: options } = useEntryOptions();
  const router = useRouter();
  const accept = async (field: (name: string) => string) => {
    const password = invitation.has_account ? field("password") : field("new");
    goOn(await unwrap(api.POST("/v1/auth/invitations/accept", { body: { token, name: field("name"), password } })));
    router.replace("/");
  };
  const signOn = async () => {
    const begun = await unwrap(api.POST("/v1/auth/sso/invitation", { body: { token }, params: { header: { "X-Requested-With": "opsintel" } } }));
    leaveFor(begun.location);
  };
  return (
    <EntryCard title={`Join ${invitation.tenant_name}`} lead={`You are invited as ${invitation.role}, as ${invitation.email}.`}>
      {session && session.user.email !== invitation.email && <p className="text-sm">You are logged in as {session.user.email}; joining ends that session in this browser.</p>}
      {options?.passwords !== false && (
      <EntryForm action="Join" busyAction="Joining…" onSend={accept}>
        <input type="hidden" name="username" autoComplete="username" value={invitation.email} readOnly />
        {invitation.has_account ? (
          <Labelled label="Password" hint="This address has an account: its password, please.">{(ids) => <Input {...ids} name="password" type="password" autoComplete="current-password" required className="min-h-10" />}</Labelled>
        ) : (
          <>
            <Labelled label="Your name">{(ids) => <Input {...ids} name="name" autoComplete="name" maxLength={200} required className="min-h-10" />}</Labelled>
            <NewPassword label="Password" />
          </>
        )}
      </EntryForm>
      )}
      {options?.single_sign_on && <EntryForm action={`Join with ${options.single_sign_on.label}`} busyAction="Leading there…" onSend={signOn} />}
    </EntryCard>
  );
}

function Unusable({ reason }: { reason: string }) {
  return (
    <EntryCard title="Invitation">
      <p role="alert" className="text-sm text-danger">{reason}</p>
      <EntryLinks><Link href="/login/">Log in</Link></EntryLinks>
    </EntryCard>
  );
}
