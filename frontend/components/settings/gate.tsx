"use client";

import { Lock } from "lucide-react";
import type { ReactNode } from "react";
import { ErrorCard } from "@/components/states";
import { Skeleton } from "@/components/ui/skeleton";
import { useMe } from "@/lib/me";

/** Shows a page to those who hold its scope; the API decides, this only spares the others a page of errors. */
export function Gate({ scope, children }: { scope: string; children: ReactNode }) {
  const { data: me, error, refetch } = useMe();
  if (me) return me.scopes.includes(scope) ? children : <Refused role={me.role} scope={scope} />;
  if (error) return <ErrorCard error={error} onRetry={() => void refetch()} />;
  return <div role="status" aria-label="Loading"><Skeleton className="h-96" /></div>;
}

function Refused({ role, scope }: { role: string; scope: string }) {
  return (
    <div role="alert" className="flex flex-col items-center gap-2 rounded-lg border border-dashed p-10 text-center">
      <Lock aria-hidden className="text-muted-foreground" />
      <p className="font-medium">Your role does not allow this</p>
      <p className="max-w-md text-sm text-muted-foreground">You are {role} here; this page needs the right <code>{scope}</code>. An owner or admin can give it to you.</p>
    </div>
  );
}
