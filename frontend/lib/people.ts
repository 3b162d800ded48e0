"use client";

import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, type Schemas, unwrap } from "@/lib/api";

export type Erasure = Schemas["Erasure"];
export type PersonExport = Schemas["PersonExport"];
type Page<T> = { items: T[]; next_cursor?: string | null };

/** How often what is under way is looked at again, in milliseconds. */
const LOOK_EVERY = 2_000;
const ERASURES = ["erasures"];
const EXPORTS = ["person-exports"];

export const isUnderWay = (one: { state: string } | undefined): boolean => one?.state === "queued" || one?.state === "running";

export const useErasures = () =>
  useInfiniteQuery({
    queryKey: ERASURES,
    queryFn: ({ pageParam }) => unwrap(api.GET("/v1/erasures", { params: { query: { cursor: pageParam, limit: 20, dry_run: false } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page: Page<Erasure>) => page.next_cursor ?? undefined,
    refetchInterval: ({ state }) => (state.data?.pages.some((page) => page.items.some(isUnderWay)) ? LOOK_EVERY : false),
  });

/** An erasure or dry run, looked at until it has ended. */
export const useErasure = (id: string) =>
  useQuery({
    queryKey: [...ERASURES, id],
    queryFn: () => unwrap(api.GET("/v1/erasures/{erasure_id}", { params: { path: { erasure_id: id } } })),
    refetchInterval: ({ state }) => (isUnderWay(state.data) || !state.data ? LOOK_EVERY : false),
  });

export const usePersonExports = () =>
  useInfiniteQuery({
    queryKey: EXPORTS,
    queryFn: ({ pageParam }) => unwrap(api.GET("/v1/person-exports", { params: { query: { cursor: pageParam, limit: 20 } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page: Page<PersonExport>) => page.next_cursor ?? undefined,
    refetchInterval: ({ state }) => (state.data?.pages.some((page) => page.items.some(isUnderWay)) ? LOOK_EVERY : false),
  });

/** What is asked for about a person; each gives the id of the job, which is that of the erasure or export. */
export function usePeopleActions() {
  const queries = useQueryClient();
  const started = (key: string[]) => async (job: { id: string }): Promise<string> => {
    await queries.invalidateQueries({ queryKey: key });
    return job.id;
  };
  return {
    tryErasure: (email: string) => unwrap(api.POST("/v1/erasures", { body: { subject: { email }, dry_run: true } })).then((job) => job.id),
    erase: (email: string, dryRunId: string) =>
      unwrap(api.POST("/v1/erasures", { body: { subject: { email }, dry_run: false, dry_run_id: dryRunId } })).then(started(ERASURES)),
    exportPerson: (email: string) => unwrap(api.POST("/v1/person-exports", { body: { subject: { email } } })).then(started(EXPORTS)),
  };
}

/** Fetches the file of an export and saves it. */
export async function saveExport(id: string): Promise<void> {
  const content = await unwrap(api.GET("/v1/person-exports/{export_id}/file", { params: { path: { export_id: id } }, parseAs: "blob" }));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content as unknown as Blob);
  link.download = `person-export-${id}.zip`;
  link.click();
  URL.revokeObjectURL(link.href);
}
