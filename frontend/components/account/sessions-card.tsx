"use client";

import dynamic from "next/dynamic";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { Card, CardTitle } from "@/components/ui/card";
import { useLogOutEverywhere } from "@/lib/account";

const Confirm = dynamic(() => import("@/components/ui/confirm").then((module) => module.Confirm), { ssr: false });

export function SessionsCard() {
  const [asking, setAsking] = useState(false);
  const logOutEverywhere = useLogOutEverywhere();
  return (
    <Card>
      <CardTitle>Sessions</CardTitle>
      <p className="mb-3 text-sm text-muted-foreground">Ends your sessions in every browser and every organisation, this one too.</p>
      <Button onClick={() => setAsking(true)}>Log out everywhere</Button>
      {asking && (
        <Confirm title="Log out everywhere?" description="Whoever is logged in as you, here or elsewhere, has to log in again." action="End all sessions"
          onConfirm={logOutEverywhere} onClose={() => setAsking(false)} />
      )}
    </Card>
  );
}
