import { Input, Labelled } from "@/components/ui/field";

/** A field for a password to be set, with the bounds that the API holds (NIST SP 800-63B: length, no composition rules). */
export function NewPassword({ label = "New password" }: { label?: string }) {
  return (
    <Labelled label={label} hint="At least 12 characters; a few unrelated words do well.">
      {(ids) => <Input {...ids} name="new" type="password" autoComplete="new-password" minLength={12} maxLength={1024} required className="min-h-10" />}
    </Labelled>
  );
}
