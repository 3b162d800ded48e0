"use client";

import { useQuery } from "@tanstack/react-query";
import { api, unwrap } from "@/lib/api";
import { useSession } from "@/lib/session";

/** Who is logged in and what they may do now: roles and grants change while a session lives. */
export function useMe() {
  const { session } = useSession();
  return useQuery({
    queryKey: ["me", session?.tenant.id],
    queryFn: () => unwrap(api.GET("/v1/me")),
    enabled: session !== null,
  });
}

/** Whether the person holds a scope; undefined until it is known. */
export function useMay(scope: string): boolean | undefined {
  return useMe().data?.scopes.includes(scope);
}
