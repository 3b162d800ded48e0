"use client";

import dynamic from "next/dynamic";
import { useState } from "react";
import { InvitationList } from "@/components/settings/members/invitation-list";
import { MemberList } from "@/components/settings/members/member-list";
import { PageFrame } from "@/components/settings/page-frame";
import { Button } from "@/components/ui/button";
import { useMay } from "@/lib/me";

const InviteDialog = dynamic(() => import("@/components/settings/members/invite-dialog").then((module) => module.InviteDialog), { ssr: false });
const SCOPE = "members.manage";

export function MembersPage() {
  const [inviting, setInviting] = useState(false);
  const mayInvite = useMay(SCOPE);
  return (
    <PageFrame title="Members" scope={SCOPE} action={mayInvite && <Button variant="primary" onClick={() => setInviting(true)}>Invite</Button>}>
      <MemberList />
      <InvitationList />
      {inviting && <InviteDialog onClose={() => setInviting(false)} />}
    </PageFrame>
  );
}
