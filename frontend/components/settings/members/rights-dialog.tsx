"use client";

import { type FormEvent, useState } from "react";
import { RightsFields } from "@/components/settings/members/rights-fields";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Outcome } from "@/components/ui/outcome";
import { isComplete, type TenantMember, useMemberActions } from "@/lib/members";
import { useSubmit } from "@/lib/submit";

export function RightsDialog({ member, onClose }: { member: TenantMember; onClose: () => void }) {
  const [rights, setRights] = useState({ role: member.role, grants: member.grants, source_ids: member.source_ids });
  const { change } = useMemberActions();
  const { busy, problem, submit } = useSubmit();
  const save = async (event: FormEvent) => {
    event.preventDefault();
    if (await submit(() => change(member.user_id, rights))) onClose();
  };
  return (
    <Dialog title={`Rights of ${member.name || member.email}`} description="They hold from the next request on." onClose={onClose}>
      <form onSubmit={(event) => void save(event)} className="flex flex-col gap-4">
        <RightsFields rights={rights} onChange={setRights} />
        <Outcome problem={problem} />
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" variant="primary" disabled={busy || !isComplete(rights)}>Save</Button>
        </div>
      </form>
    </Dialog>
  );
}
