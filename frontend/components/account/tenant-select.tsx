"use client";

import { useState } from "react";
import { Select } from "@/components/ui/field";
import { useSwitchTenant } from "@/lib/account";
import { messageOf } from "@/lib/api";
import { useSession } from "@/lib/session";

/** The tenant that everything shown is of; a choice for those who are members of several. */
export function TenantSelect() {
  const { session } = useSession();
  const switchTenant = useSwitchTenant();
  const [problem, setProblem] = useState("");
  if (!session) return null;
  if (session.tenants.length < 2) return <p className="truncate px-1 text-xs text-muted-foreground">{session.tenant.name}</p>;
  const choose = (slug: string) => {
    setProblem("");
    switchTenant(slug).catch((error: unknown) => setProblem(messageOf(error)));
  };
  return (
    <>
      <Select aria-label="Organisation" value={session.tenant.slug} onChange={(event) => choose(event.target.value)} className="w-full">
        {session.tenants.map((tenant) => <option key={tenant.id} value={tenant.slug}>{tenant.name}</option>)}
      </Select>
      {problem && <p role="alert" className="px-1 text-xs text-danger">{problem}</p>}
    </>
  );
}
