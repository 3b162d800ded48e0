"use client";

import { useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useRef, useState } from "react";
import { api, refreshSession, type Session, setAccessToken, setSessionListener, unwrap } from "@/lib/api";

interface SessionState {
  session: Session | null;
  loading: boolean;
  logIn: (email: string, password: string) => Promise<void>;
  /** Goes on with a session that the API has just given: another tenant, a new password, an accepted invitation. */
  goOn: (next: Session) => void;
  /** Ends the session here; its end at the API is the caller's. */
  forget: () => void;
  logOut: () => Promise<void>;
}

const CHANNEL = "opsintel-session";
const SessionContext = createContext<SessionState | null>(null);

/** Holds who is logged in; other tabs are told of a log-out and of another tenant. */
export function SessionProvider({ children }: { children: ReactNode }) {
  const [session, setSession] = useState<Session | null>(null);
  const [loading, setLoading] = useState(true);
  const held = useRef("");
  const otherTabs = useRef<BroadcastChannel>(null);
  const queries = useQueryClient();

  /** What was read for one person in one tenant is never shown to another. */
  const adopt = useCallback((next: Session | null) => {
    const holder = holderOf(next);
    if (held.current && held.current !== holder) queries.clear();
    held.current = holder;
    setAccessToken(next?.access_token ?? null);
    setSession(next);
  }, [queries]);

  useEffect(() => {
    const resume = () => refreshSession().catch(() => null).then(adopt);
    setSessionListener(adopt);
    void resume().finally(() => setLoading(false));
    const channel = new BroadcastChannel(CHANNEL);
    channel.onmessage = (message) => (message.data === "changed" ? void resume() : adopt(null));
    otherTabs.current = channel;
    return () => channel.close();
  }, [adopt]);

  const goOn = useCallback((next: Session) => {
    adopt(next);
    otherTabs.current?.postMessage("changed");
  }, [adopt]);

  const logIn = useCallback(async (email: string, password: string) => {
    goOn(await unwrap(api.POST("/v1/auth/login", { body: { email, password } })));
  }, [goOn]);

  const forget = useCallback(() => {
    adopt(null);
    otherTabs.current?.postMessage("out");
  }, [adopt]);

  const logOut = useCallback(async () => {
    await api.POST("/v1/auth/logout", { params: { header: { "X-Requested-With": "opsintel" } } });
    forget();
  }, [forget]);

  const value = useMemo(() => ({ session, loading, logIn, goOn, forget, logOut }), [session, loading, logIn, goOn, forget, logOut]);
  return <SessionContext value={value}>{children}</SessionContext>;
}

/** Names the person and tenant of a session: pages are drawn anew when it changes. */
export const holderOf = (session: Session | null): string => (session ? `${session.user.id} ${session.tenant.id}` : "");

export function useSession(): SessionState {
  const state = useContext(SessionContext);
  if (!state) throw new Error("useSession needs a SessionProvider above it");
  return state;
}
