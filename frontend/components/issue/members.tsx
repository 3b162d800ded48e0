"use client";

import { useState } from "react";
import { MessageSheet } from "@/components/explore/message-sheet";
import { SeverityBadge } from "@/components/severity";
import { ErrorCard } from "@/components/states";
import { Button } from "@/components/ui/button";
import { Card, CardTitle } from "@/components/ui/card";
import { Skeleton } from "@/components/ui/skeleton";
import type { Schemas } from "@/lib/api";
import { formatTime, sourceName } from "@/lib/format";
import { useMembers } from "@/lib/queries";

const METHODS: Record<string, string> = {
  cluster: "clustered with messages like it", centroid: "nearest to this issue", thread: "follows its thread", move: "moved here for a clear gain",
  constraint: "a person's decision", consolidation: "came with a merged issue",
};

/** Why a message is here, in words. */
export function reasonOf(member: Pick<Schemas["Member"], "method" | "distance" | "runner_up" | "decided_by">): string {
  const parts = [METHODS[member.method] ?? member.method];
  if (member.distance !== null && member.distance !== undefined) parts.push(`distance ${member.distance.toFixed(2)}`);
  if (member.runner_up) parts.push(`next #${member.runner_up.number} ${member.runner_up.title}${member.runner_up.distance ? ` at ${member.runner_up.distance.toFixed(2)}` : ""}`);
  if (member.decided_by) parts.push("decided by a person");
  return parts.join(" · ");
}

export function Members({ id }: { id: string }) {
  const { data, error, refetch, hasNextPage, fetchNextPage } = useMembers(id);
  const [shown, setShown] = useState<string | null>(null);
  const members = data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Card>
      <CardTitle>Messages</CardTitle>
      {error && !data && <ErrorCard error={error} onRetry={() => void refetch()} />}
      {!data && !error && <Skeleton className="h-96" />}
      <ul className="divide-y">
        {members.map((member) => (
          <li key={member.message_id} className="py-2.5">
            <button type="button" onClick={() => setShown(member.message_id)} className="w-full min-w-0 text-left">
              <span className="flex items-center justify-between gap-3"><span className="truncate text-sm font-medium">{member.subject || member.snippet}</span><SeverityBadge level={member.severity} /></span>
              <span className="line-clamp-2 text-sm text-muted-foreground">{member.snippet}</span>
              <span className="block text-xs text-muted-foreground">{member.author ?? "Unknown"} · {sourceName(member.source_kind)} · {formatTime(member.occurred_at)}</span>
            </button>
            <p className="text-xs text-muted-foreground">Why here: {reasonOf(member)}</p>
          </li>
        ))}
      </ul>
      {hasNextPage && <Button onClick={() => void fetchNextPage()} className="mt-2">More</Button>}
      {shown && <MessageSheet id={shown} onClose={() => setShown(null)} />}
    </Card>
  );
}
