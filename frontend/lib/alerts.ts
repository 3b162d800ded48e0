"use client";

import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, type Schemas, unwrap } from "@/lib/api";
import { useSession } from "@/lib/session";

export type Alert = Schemas["Alert"];
type Page = { items: Alert[]; next_cursor?: string | null };
const ALERTS = ["alerts"];
const MOST = 100;

/** How many alerts are open that nobody has taken note of; more than a hundred are counted as `100+`. */
export function useAlertCount(): string {
  const { session } = useSession();
  const { data } = useQuery({
    queryKey: [...ALERTS, "open", session?.tenant.id],
    queryFn: () => unwrap(api.GET("/v1/alerts", { params: { query: { state: "open", limit: MOST } } })),
    enabled: session !== null,
  });
  const count = data?.items.filter((alert) => alert.acknowledged_at === null).length ?? 0;
  return count === 0 ? "" : data?.next_cursor ? `${count}+` : String(count);
}

/** All alerts, open ones first. */
export const useAlerts = () =>
  useInfiniteQuery({
    queryKey: [...ALERTS, "all"],
    queryFn: ({ pageParam }) => unwrap(api.GET("/v1/alerts", { params: { query: { cursor: pageParam, limit: 50 } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page: Page) => page.next_cursor ?? undefined,
  });

/** Says that one knows of an alert; what is shown of alerts is read anew. */
export function useAcknowledge(): (id: string) => Promise<void> {
  const queries = useQueryClient();
  return async (id) => {
    await unwrap(api.POST("/v1/alerts/{alert_id}/acknowledge", { params: { path: { alert_id: id } } }));
    await queries.invalidateQueries({ queryKey: ALERTS });
  };
}

/** How each kind is called, and the page on which one sees more. */
const KINDS: Record<Alert["kind"], { name: string; href: string; page: string }> = {
  "key.invalid": { name: "Model key", href: "/cost/", page: "Cost" },
  "budget.warning": { name: "Ceiling nearly reached", href: "/cost/", page: "Cost" },
  "budget.exhausted": { name: "Ceiling reached", href: "/cost/", page: "Cost" },
  "source.unhealthy": { name: "Source", href: "/sources/", page: "Sources" },
};
export const kindOf = (alert: Alert) => KINDS[alert.kind];

/** What an alert is about: `Source: Support mailbox`. */
export const titleOf = (alert: Alert): string => [kindOf(alert).name, alert.subject.name].filter(Boolean).join(": ");
