"use client";

import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { api, type Schemas, unwrap } from "@/lib/api";

export type IssueRow = Schemas["IssueRow"];
export type MessageRow = Schemas["MessageRow"];
export interface Period { from?: string; to?: string }
type Page<T> = { items: T[]; next_cursor?: string | null };

export const useOverview = (period: Period) =>
  useQuery({
    queryKey: ["overview", period],
    queryFn: () => unwrap(api.GET("/v1/overview", { params: { query: period } })),
    placeholderData: keepPreviousData,
  });

export interface IssueFilter { state?: string; severity?: string; q?: string; sort?: string }

export const useIssues = (filter: IssueFilter) =>
  useInfiniteQuery({
    queryKey: ["issues", filter],
    queryFn: ({ pageParam }) =>
      unwrap(api.GET("/v1/issues", { params: { query: { ...clean(filter), cursor: pageParam, limit: 50 } as never } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page: Page<IssueRow>) => page.next_cursor ?? undefined,
    placeholderData: keepPreviousData,
  });

export const useIssue = (id: string) =>
  useQuery({
    queryKey: ["issue", id],
    queryFn: () => unwrap(api.GET("/v1/issues/{issue_id}", { params: { path: { issue_id: id } } })),
    enabled: id !== "" && id !== "_",
  });

export const useMembers = (id: string) =>
  useInfiniteQuery({
    queryKey: ["members", id],
    queryFn: ({ pageParam }) =>
      unwrap(
        api.GET("/v1/issues/{issue_id}/members", {
          params: { path: { issue_id: id }, query: { cursor: pageParam, limit: 25 } },
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page: Page<Schemas["Member"]>) => page.next_cursor ?? undefined,
    enabled: id !== "" && id !== "_",
  });

export interface MessageFilter { from?: string; to?: string; kind?: string; severity?: string; actionable?: string; source?: string }

export const useMessages = (filter: MessageFilter, enabled: boolean) =>
  useInfiniteQuery({
    queryKey: ["messages", filter],
    queryFn: ({ pageParam }) =>
      unwrap(api.GET("/v1/messages", { params: { query: { ...clean(filter), cursor: pageParam, limit: 50 } as never } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page: Page<MessageRow>) => page.next_cursor ?? undefined,
    placeholderData: keepPreviousData,
    enabled,
  });

export const useSearch = (q: string, mode: string) =>
  useQuery({
    queryKey: ["search", q, mode],
    queryFn: () => unwrap(api.GET("/v1/search", { params: { query: { q, mode: mode as "hybrid", limit: 50 } } })),
    placeholderData: keepPreviousData,
    enabled: q !== "",
  });

export const useMessage = (id: string | null) =>
  useQuery({
    queryKey: ["message", id],
    queryFn: () => unwrap(api.GET("/v1/messages/{message_id}", { params: { path: { message_id: id ?? "" } } })),
    enabled: id !== null,
  });

export const useSources = () =>
  useQuery({ queryKey: ["sources"], queryFn: () => unwrap(api.GET("/v1/sources")) });

export const useFailures = (id: string | null) =>
  useQuery({
    queryKey: ["failures", id],
    queryFn: () =>
      unwrap(api.GET("/v1/sources/{source_id}/failures", { params: { path: { source_id: id ?? "" } } })),
    enabled: id !== null,
  });

/** Leaves out what is not set, so that addresses and query keys stay short. */
export function clean<T extends object>(filter: T): Partial<T> {
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value)) as Partial<T>;
}
