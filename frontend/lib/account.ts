"use client";

import { useRouter } from "next/navigation";
import { useCallback } from "react";
import { api, settle, unwrap } from "@/lib/api";
import { useSession } from "@/lib/session";

/** Goes on in another tenant, at its overview: the address of the page may name what only the old one has. */
export function useSwitchTenant(): (slug: string) => Promise<void> {
  const { goOn } = useSession();
  const router = useRouter();
  return useCallback(async (slug: string) => {
    const next = await unwrap(api.POST("/v1/auth/switch", { body: { tenant: slug } }));
    goOn(next);
    router.push("/");
  }, [goOn, router]);
}

/** Changes the password; every other session ends and this one goes on. */
export function useChangePassword(): (current: string, next: string) => Promise<void> {
  const { goOn } = useSession();
  return useCallback(async (current: string, next: string) => {
    goOn(await unwrap(api.PUT("/v1/me/password", { body: { current, new: next } })));
  }, [goOn]);
}

/** Ends every session of the person, this one too. */
export function useLogOutEverywhere(): () => Promise<void> {
  const { forget } = useSession();
  return useCallback(async () => {
    await settle(api.POST("/v1/auth/logout-everywhere"));
    forget();
  }, [forget]);
}
