"use client";

import { Check } from "@/components/ui/check";
import { Labelled, Select } from "@/components/ui/field";
import { ROLES, type Rights, type Role, UNMASKED, withRole } from "@/lib/members";
import { useMay } from "@/lib/me";
import { useSources } from "@/lib/queries";

const MEANINGS: Record<Role, string> = {
  owner: "Everything, owners included", admin: "Members, sources, keys, policies; reads text",
  analyst: "Works on issues; reads text", viewer: "Dashboards and issues; personal data in text is masked",
};

interface RightsFieldsProps { rights: Rights; onChange: (rights: Rights) => void }

/** Role, what is granted beyond it, and the sources that it is limited to. */
export function RightsFields({ rights, onChange }: RightsFieldsProps) {
  const mayMakeOwners = useMay("members.manage_owners");
  const roles = ROLES.filter((role) => role !== "owner" || mayMakeOwners);
  return (
    <>
      <Labelled label="Role" hint={MEANINGS[rights.role]}>
        {(ids) => (
          <Select {...ids} value={rights.role} onChange={(event) => onChange(withRole(rights, event.target.value as Role))} className="capitalize">
            {roles.map((role) => <option key={role} value={role}>{role}</option>)}
          </Select>
        )}
      </Labelled>
      {rights.role === "analyst" && (
        <Check label="Sees personal data that the organisation's policy masks" checked={rights.grants.includes(UNMASKED)}
          onChange={(event) => onChange({ ...rights, grants: event.target.checked ? [UNMASKED] : [] })} />
      )}
      {rights.role !== "owner" && <SourceLimit chosen={rights.source_ids} onChange={(source_ids) => onChange({ ...rights, source_ids })} />}
    </>
  );
}

interface SourceLimitProps { chosen: string[] | null; onChange: (chosen: string[] | null) => void }

/** All sources, or only some: then everything else of the product that acts on the whole tenant is closed. */
export function SourceLimit({ chosen, onChange }: SourceLimitProps) {
  const { data, error } = useSources();
  const toggle = (id: string, on: boolean) => onChange(on ? [...(chosen ?? []), id] : (chosen ?? []).filter((other) => other !== id));
  return (
    <fieldset className="flex min-w-0 flex-col gap-1">
      <legend className="mb-1 text-sm font-medium">Sources</legend>
      <Check type="radio" label="All" checked={chosen === null} onChange={() => onChange(null)} />
      <Check type="radio" label="Only these: messages of others are not shown, and nothing that acts on all of them is allowed" checked={chosen !== null} onChange={() => onChange(chosen ?? [])} />
      {chosen !== null && (
        <div className="ml-6 flex flex-col gap-1">
          {data?.items.map((source) => <Check key={source.id} label={source.name} checked={chosen.includes(source.id)} onChange={(event) => toggle(source.id, event.target.checked)} />)}
          {error && <p role="alert" className="text-sm text-danger">The sources cannot be read.</p>}
          {chosen.length === 0 && <p className="text-xs text-muted-foreground">Choose at least one.</p>}
        </div>
      )}
    </fieldset>
  );
}
