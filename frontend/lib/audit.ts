"use client";

import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { api, type Schemas, unwrap } from "@/lib/api";
import { clean } from "@/lib/queries";

export type AuditEntry = Schemas["AuditEntry"];
export interface AuditFilter { action?: string; actor?: string; subject?: string; from?: string; to?: string }
type Page = { items: AuditEntry[]; next_cursor?: string | null };

export const useAudit = (filter: AuditFilter) =>
  useInfiniteQuery({
    queryKey: ["audit", filter],
    queryFn: ({ pageParam }) => unwrap(api.GET("/v1/audit", { params: { query: { ...clean(filter), cursor: pageParam, limit: 50 } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page: Page) => page.next_cursor ?? undefined,
    placeholderData: keepPreviousData,
  });

/** Who or what an entry names: a member by name, everything else by its kind and the beginning of its id. */
export function partyInWords(party: Schemas["Party"], names: ReadonlyMap<string, string>): string {
  const known = party.account && names.get(party.account);
  if (known) return known;
  const kind = party.kind.replaceAll("_", " ");
  return party.name ? `${kind} ${party.name}` : party.id ? `${kind} ${party.id.slice(0, 8)}` : kind;
}

/** Details as a line: `role: admin, grants: –`. */
export const detailsInWords = (details: AuditEntry["details"]): string =>
  Object.entries(details).map(([name, value]) => `${name.replaceAll("_", " ")}: ${Array.isArray(value) ? value.join(" ") || "–" : String(value ?? "–")}`).join(", ");
