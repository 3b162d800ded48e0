"use client";

import { EmailForm } from "@/components/settings/people/email-form";
import { usePeopleActions } from "@/lib/people";

/** An address, and the file is made; it appears in the list below. */
export function ExportPerson() {
  const { exportPerson } = usePeopleActions();
  return (
    <div className="flex flex-col gap-3">
      <p className="text-sm text-muted-foreground">All that is stored of them, to be read by people and by programs. Other people&apos;s addresses are taken out. The file is kept for seven days, sealed; each download is in the audit log.</p>
      <EmailForm label="E-mail of the person who asks" action="Make the file" doing="Asking…" onEmail={exportPerson} />
    </div>
  );
}
