"use client";

import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { api, type Schemas, settle, unwrap } from "@/lib/api";
import { useMay } from "@/lib/me";

export type TenantMember = Schemas["TenantMember"];
export type Invitation = Schemas["Invitation"];
type Page<T> = { items: T[]; next_cursor?: string | null };

export const ROLES = ["owner", "admin", "analyst", "viewer"] as const;
export type Role = (typeof ROLES)[number];

/** The right to see what the tenant's policy masks: given to analysts one by one. */
export const UNMASKED = "messages.read_unmasked";

export interface Rights { role: Role; grants: string[]; source_ids: string[] | null }

/** The rights with another role: what only the old one could be granted or limited to goes with it. */
export const withRole = (rights: Rights, role: Role): Rights => ({
  role,
  grants: role === "analyst" ? rights.grants : [],
  source_ids: role === "owner" ? null : rights.source_ids,
});

/** A limit to no source at all is a mistake of whoever fills it in. */
export const isComplete = (rights: Rights): boolean => rights.source_ids === null || rights.source_ids.length > 0;

export const useTenantMembers = (enabled = true) =>
  useInfiniteQuery({
    queryKey: ["tenant-members"],
    queryFn: ({ pageParam }) => unwrap(api.GET("/v1/members", { params: { query: { cursor: pageParam, limit: 100 } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page: Page<TenantMember>) => page.next_cursor ?? undefined,
    enabled,
  });

/** The names of people by their accounts; members are read page by page until all of them are known. */
export function useMemberNames(accounts: readonly (string | null | undefined)[]): ReadonlyMap<string, string> {
  const mayReadMembers = useMay("members.manage") === true;
  const { data, hasNextPage, isFetching, fetchNextPage } = useTenantMembers(mayReadMembers);
  const names = new Map(data?.pages.flatMap((page) => page.items).map((member) => [member.user_id, member.name || member.email]));
  const isMissing = accounts.some((account) => account && !names.has(account));
  useEffect(() => {
    if (isMissing && hasNextPage && !isFetching) void fetchNextPage();
  }, [isMissing, hasNextPage, isFetching, fetchNextPage]);
  return names;
}

export const useInvitations = () =>
  useInfiniteQuery({
    queryKey: ["invitations"],
    queryFn: ({ pageParam }) => unwrap(api.GET("/v1/invitations", { params: { query: { cursor: pageParam, limit: 100 } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page: Page<Invitation>) => page.next_cursor ?? undefined,
  });

/** What an owner or admin does with members and invitations; lists are read again after each. */
export function useMemberActions() {
  const queries = useQueryClient();
  const then = <T,>(name: string) => async (value: T): Promise<T> => {
    await Promise.all([queries.invalidateQueries({ queryKey: [name] }), queries.invalidateQueries({ queryKey: ["me"] })]);
    return value;
  };
  return {
    change: (userId: string, body: Schemas["MemberChange"]) =>
      settle(api.PATCH("/v1/members/{user_id}", { params: { path: { user_id: userId } }, body })).then(then("tenant-members")),
    remove: (userId: string) =>
      settle(api.DELETE("/v1/members/{user_id}", { params: { path: { user_id: userId } } })).then(then("tenant-members")),
    invite: (body: Schemas["InvitationRequest"]) => unwrap(api.POST("/v1/invitations", { body })).then(then("invitations")),
    withdraw: (invitationId: string) =>
      settle(api.DELETE("/v1/invitations/{invitation_id}", { params: { path: { invitation_id: invitationId } } })).then(then("invitations")),
  };
}
