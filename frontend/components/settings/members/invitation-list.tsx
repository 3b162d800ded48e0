"use client";

import dynamic from "next/dynamic";
import { useState } from "react";
import { Listed } from "@/components/listed";
import { rightsInWords } from "@/components/settings/members/rights-words";
import { Empty } from "@/components/states";
import { Button } from "@/components/ui/button";
import { Cell, Table } from "@/components/ui/table";
import { formatTime } from "@/lib/format";
import { type Invitation, useInvitations, useMemberActions } from "@/lib/members";

const Confirm = dynamic(() => import("@/components/ui/confirm").then((module) => module.Confirm), { ssr: false });

/** Who was asked and has not answered yet. */
export function InvitationList() {
  const query = useInvitations();
  const { withdraw } = useMemberActions();
  const [asked, setAsked] = useState<Invitation | null>(null);
  return (
    <>
      <h2 className="mt-2 text-base font-semibold">Invitations</h2>
      <Listed query={query}>
        {({ pages }) => {
          const invitations = pages.flatMap((page) => page.items);
          return invitations.length === 0 ? <Empty title="No invitation waits for an answer" /> : (
            <Table label="Invitations" header={["E-mail", "Role", "Rights", "Open until", ""]}>
              {invitations.map((invitation) => (
                <tr key={invitation.id}>
                  <Cell className="break-all">{invitation.email}</Cell>
                  <Cell className="capitalize">{invitation.role}</Cell>
                  <Cell className="text-muted-foreground">{rightsInWords(invitation)}</Cell>
                  <Cell className="whitespace-nowrap text-muted-foreground">{formatTime(invitation.expires_at)}</Cell>
                  <Cell className="text-right"><Button variant="ghost" aria-label={`Withdraw the invitation of ${invitation.email}`} onClick={() => setAsked(invitation)} className="text-danger">Withdraw</Button></Cell>
                </tr>
              ))}
            </Table>
          );
        }}
      </Listed>
      {query.hasNextPage && <Button onClick={() => void query.fetchNextPage()} className="self-center">More</Button>}
      {asked && (
        <Confirm title={`Withdraw the invitation of ${asked.email}?`} description="Its link is dead from now on." action="Withdraw" onClose={() => setAsked(null)}
          onConfirm={() => withdraw(asked.id)} />
      )}
    </>
  );
}
