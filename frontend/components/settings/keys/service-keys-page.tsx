"use client";

import dynamic from "next/dynamic";
import { useState } from "react";
import { Listed } from "@/components/listed";
import { KeyTable } from "@/components/settings/keys/key-table";
import { PageFrame } from "@/components/settings/page-frame";
import { Empty } from "@/components/states";
import { Button } from "@/components/ui/button";
import { useMay } from "@/lib/me";
import { type ServiceKey, useServiceKeyActions, useServiceKeys } from "@/lib/service-keys";

const CreateKey = dynamic(() => import("@/components/settings/keys/create-key").then((module) => module.CreateKey), { ssr: false });
const RotateKey = dynamic(() => import("@/components/settings/keys/rotate-key").then((module) => module.RotateKey), { ssr: false });
const Confirm = dynamic(() => import("@/components/ui/confirm").then((module) => module.Confirm), { ssr: false });

const SCOPE = "keys.manage";
export type Asked = { what: "rotate" | "revoke"; key: ServiceKey };

export function ServiceKeysPage() {
  const [creating, setCreating] = useState(false);
  const mayCreate = useMay(SCOPE);
  return (
    <PageFrame title="Service keys" scope={SCOPE} action={mayCreate && <Button variant="primary" onClick={() => setCreating(true)}>New key</Button>}>
      <p className="text-sm text-muted-foreground">For programs that use the API: a key goes into <code>Authorization: Bearer</code>, may do what it is given and ends by itself.</p>
      <Keys />
      {creating && <CreateKey onClose={() => setCreating(false)} />}
    </PageFrame>
  );
}

function Keys() {
  const { revoke } = useServiceKeyActions();
  const [asked, setAsked] = useState<Asked | null>(null);
  return (
    <>
      <Listed query={useServiceKeys()}>
        {({ items }) => (items.length === 0 ? <Empty title="No key yet">A key is made for one program and one purpose, so that it can be ended alone.</Empty> : <KeyTable keys={items} onAsk={setAsked} />)}
      </Listed>
      {asked?.what === "rotate" && <RotateKey target={asked.key} onClose={() => setAsked(null)} />}
      {asked?.what === "revoke" && (
        <Confirm title={`Revoke “${asked.key.name}”?`} description="Whatever uses it is refused from the next request on. It cannot be made good again." action="Revoke"
          onConfirm={() => revoke(asked.key.id)} onClose={() => setAsked(null)} />
      )}
    </>
  );
}
