"use client";

import { ErasePerson } from "@/components/settings/people/erase-person";
import { ErasureList } from "@/components/settings/people/erasure-list";
import { ExportList } from "@/components/settings/people/export-list";
import { ExportPerson } from "@/components/settings/people/export-person";
import { PageFrame } from "@/components/settings/page-frame";
import { Card, CardTitle } from "@/components/ui/card";
import { useMay } from "@/lib/me";
import { UNMASKED } from "@/lib/members";

export function PeoplePage() {
  const mayExport = useMay(UNMASKED);
  return (
    <PageFrame title="People's data" scope="policies.manage">
      {mayExport && (
        <Card>
          <CardTitle>Give a person their data</CardTitle>
          <ExportPerson />
          <ExportList />
        </Card>
      )}
      <Card>
        <CardTitle>Erase a person</CardTitle>
        <ErasePerson />
        <ErasureList />
      </Card>
    </PageFrame>
  );
}
