import type { ReactNode } from "react";
import { Gate } from "@/components/settings/gate";

interface PageFrameProps { title: string; scope: string; action?: ReactNode; children: ReactNode }

/** A page of Settings: its title is there at once, its content for those who hold the scope. */
export function PageFrame({ title, scope, action, children }: PageFrameProps) {
  return (
    <div className="flex flex-col gap-4">
      <div className="flex min-h-8 items-center justify-between gap-3"><h1 className="text-xl font-semibold">{title}</h1>{action}</div>
      <Gate scope={scope}>{children}</Gate>
    </div>
  );
}
