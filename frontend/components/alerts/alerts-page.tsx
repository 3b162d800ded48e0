"use client";

import { AlertCard } from "@/components/alerts/alert-card";
import { Listed } from "@/components/listed";
import { Empty } from "@/components/states";
import { Button } from "@/components/ui/button";
import { useAlerts } from "@/lib/alerts";
import { useMay } from "@/lib/me";

/** What rests until somebody sees to it, open ones first. */
export function AlertsPage() {
  const query = useAlerts();
  const mayAcknowledge = useMay("policies.manage") ?? false;
  const items = query.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <div className="flex flex-col gap-4">
      <div>
        <h1 className="text-xl font-semibold">Alerts</h1>
        <p className="text-sm text-muted-foreground">What rests until somebody sees to it. An alert ends by itself once what it is about is mended; acknowledging it says that somebody knows.</p>
      </div>
      <Listed query={query}>
        {() => (items.length === 0
          ? <Empty title="There is no alert">Keys that a provider refuses, ceilings that are reached and sources that cannot be read stand here.</Empty>
          : <ul className="flex flex-col gap-3">{items.map((alert) => <AlertCard key={alert.id} alert={alert} mayAcknowledge={mayAcknowledge} />)}</ul>)}
      </Listed>
      {query.hasNextPage && <Button onClick={() => void query.fetchNextPage()} disabled={query.isFetchingNextPage} className="self-start">{query.isFetchingNextPage ? "Loading…" : "More"}</Button>}
    </div>
  );
}
