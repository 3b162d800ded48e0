"use client";

import { Listed } from "@/components/listed";
import { PageFrame } from "@/components/settings/page-frame";
import { RetentionForm } from "@/components/settings/retention/retention-form";
import { Card } from "@/components/ui/card";
import { useRetention } from "@/lib/retention";

export function RetentionPage() {
  return (
    <PageFrame title="Retention" scope="policies.manage">
      <p className="text-sm text-muted-foreground">How long this organisation keeps what. Once a day everything past its time is deleted, with all that hangs on it.</p>
      <Card><Listed query={useRetention()}>{(policy) => <RetentionForm key={JSON.stringify(policy)} policy={policy} />}</Listed></Card>
    </PageFrame>
  );
}
