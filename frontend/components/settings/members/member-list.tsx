"use client";

import dynamic from "next/dynamic";
import { useState } from "react";
import { Listed } from "@/components/listed";
import { rightsInWords } from "@/components/settings/members/rights-words";
import { Button } from "@/components/ui/button";
import { Cell, Table } from "@/components/ui/table";
import { formatTime } from "@/lib/format";
import { useMay } from "@/lib/me";
import { type TenantMember, useMemberActions, useTenantMembers } from "@/lib/members";
import { useSession } from "@/lib/session";

const RightsDialog = dynamic(() => import("@/components/settings/members/rights-dialog").then((module) => module.RightsDialog), { ssr: false });
const Confirm = dynamic(() => import("@/components/ui/confirm").then((module) => module.Confirm), { ssr: false });
type Asked = { what: "rights" | "remove"; member: TenantMember } | null;

export function MemberList() {
  const query = useTenantMembers();
  const actions = useMemberActions();
  const [asked, setAsked] = useState<Asked>(null);
  return (
    <>
      <Listed query={query}>
        {({ pages }) => (
          <Table label="Members" header={["Person", "Role", "Rights", "Joined", ""]}>
            {pages.flatMap((page) => page.items).map((member) => <MemberRow key={member.user_id} member={member} onAsk={(what) => setAsked({ what, member })} />)}
          </Table>
        )}
      </Listed>
      {query.hasNextPage && <Button onClick={() => void query.fetchNextPage()} className="self-center">More</Button>}
      {asked?.what === "rights" && <RightsDialog member={asked.member} onClose={() => setAsked(null)} />}
      {asked?.what === "remove" && (
        <Confirm title={`Remove ${asked.member.name || asked.member.email}?`} action="Remove" onClose={() => setAsked(null)}
          description="From the next request on nothing of this organisation is open to them, and the service keys they made end. Their account stays."
          onConfirm={() => actions.remove(asked.member.user_id)} />
      )}
    </>
  );
}

function MemberRow({ member, onAsk }: { member: TenantMember; onAsk: (what: "rights" | "remove") => void }) {
  const { session } = useSession();
  const mayManageOwners = useMay("members.manage_owners");
  const isSelf = session?.user.id === member.user_id;
  return (
    <tr>
      <Cell><span className="block font-medium break-words">{member.name}{isSelf && <span className="font-normal text-muted-foreground"> (you)</span>}</span><span className="text-xs break-all text-muted-foreground">{member.email}</span></Cell>
      <Cell className="capitalize">{member.role}</Cell>
      <Cell className="text-muted-foreground">{rightsInWords(member)}</Cell>
      <Cell className="whitespace-nowrap text-muted-foreground">{formatTime(member.joined_at)}</Cell>
      <Cell className="text-right whitespace-nowrap">
        {(member.role !== "owner" || mayManageOwners) && (
          <>
            <Button variant="ghost" aria-label={`Change the rights of ${member.email}`} onClick={() => onAsk("rights")}>Change</Button>
            <Button variant="ghost" aria-label={`Remove ${member.email}`} onClick={() => onAsk("remove")} className="text-danger">Remove</Button>
          </>
        )}
      </Cell>
    </tr>
  );
}
