import type { ComponentProps, ReactNode } from "react";
import { cn } from "@/lib/class-names";

interface TableProps { label: string; header: string[]; children: ReactNode }

/** A table that scrolls sideways within itself on a phone; "" heads a column of buttons. */
export function Table({ label, header, children }: TableProps) {
  return (
    <div role="region" aria-label={label} tabIndex={0} className="relative min-w-0 overflow-x-auto rounded-lg border bg-card">
      <table className="w-full text-left text-sm">
        <thead className="text-xs text-muted-foreground">
          <tr>{header.map((name) => <th key={name} scope="col" className="px-3 py-2 font-medium whitespace-nowrap">{name || <span className="sr-only">Actions</span>}</th>)}</tr>
        </thead>
        <tbody className="divide-y border-t">{children}</tbody>
      </table>
    </div>
  );
}

export function Cell({ className, ...props }: ComponentProps<"td">) {
  return <td className={cn("px-3 py-2 align-top", className)} {...props} />;
}
