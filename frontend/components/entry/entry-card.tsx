import type { ReactNode } from "react";
import { buttonVariants } from "@/components/ui/button";
import { cn } from "@/lib/class-names";

/** The frame of the pages that need no session. */
export function EntryCard({ title, lead, children }: { title: string; lead?: ReactNode; children: ReactNode }) {
  return (
    <main className="grid min-h-dvh place-items-center p-4">
      <div className="flex w-full max-w-sm min-w-0 flex-col gap-4 rounded-xl border bg-card p-7 shadow-sm">
        <div>
          <h1 className="text-xl font-semibold break-words">{title}</h1>
          {lead && <p className="text-sm break-words text-muted-foreground">{lead}</p>}
        </div>
        {children}
      </div>
    </main>
  );
}

/** Leads to another way in, as a button does. */
export function EntryWay({ href, children }: { href: string; children: ReactNode }) {
  return <a href={href} className={cn(buttonVariants({ variant: "outline" }), "min-h-10")}>{children}</a>;
}

/** What there is to do instead, under a form. */
export function EntryLinks({ children }: { children: ReactNode }) {
  return <p className="flex flex-wrap gap-x-4 gap-y-1 text-sm [&_a]:text-primary [&_a]:underline">{children}</p>;
}
