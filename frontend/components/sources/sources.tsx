"use client";

import { SourceCard } from "@/components/sources/source-card";
import { Empty, ErrorCard } from "@/components/states";
import { Skeleton } from "@/components/ui/skeleton";
import { useSources } from "@/lib/queries";

export function Sources() {
  const { data, error, refetch } = useSources();
  return (
    <div className="flex flex-col gap-4">
      <h1 className="text-xl font-semibold">Sources</h1>
      {error && !data ? <ErrorCard error={error} onRetry={() => void refetch()} /> : !data ? (
        <div role="status" aria-label="Loading" className="grid grid-cols-1 gap-4 lg:grid-cols-2"><Skeleton className="h-56" /><Skeleton className="h-56" /></div>
      ) : data.items.length === 0 ? (
        <Empty title="No source is connected yet">Run <code>opsintel import PATH --tenant NAME</code> with a mailbox, a Slack export, CSV or JSON Lines.</Empty>
      ) : (
        <div className="grid grid-cols-1 gap-4 lg:grid-cols-2">{data.items.map((source) => <SourceCard key={source.id} source={source} />)}</div>
      )}
    </div>
  );
}
