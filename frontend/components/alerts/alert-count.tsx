"use client";

import { useAlertCount } from "@/lib/alerts";

/** How many alerts wait for somebody, beside the name of their page; it is said as it changes. */
export function AlertCount() {
  const count = useAlertCount();
  return (
    <span role="status" className="ml-auto">
      {count && <span className="rounded-full bg-sev1/15 px-1.5 text-xs font-medium tabular-nums">{count}<span className="sr-only"> open</span></span>}
    </span>
  );
}
