"use client";

import { useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from "react";
import { api, refreshSession, type Session, setAccessToken, unwrap } from "@/lib/api";

interface SessionState {
  session: Session | null;
  loading: boolean;
  logIn: (email: string, password: string) => Promise<void>;
  logOut: () => Promise<void>;
}

const SessionContext = createContext<SessionState | null>(null);

/** Holds who is logged in; other tabs are told of a log-out. */
export function SessionProvider({ children }: { children: ReactNode }) {
  const [session, setSession] = useState<Session | null>(null);
  const [loading, setLoading] = useState(true);
  const queries = useQueryClient();

  useEffect(() => {
    refreshSession().then(setSession, () => setSession(null)).finally(() => setLoading(false));
    const channel = new BroadcastChannel("opsintel-session");
    channel.onmessage = () => {
      setAccessToken(null);
      setSession(null);
    };
    return () => channel.close();
  }, []);

  const logIn = useCallback(async (email: string, password: string) => {
    const next = await unwrap(api.POST("/v1/auth/login", { body: { email, password } }));
    setAccessToken(next.access_token);
    setSession(next);
  }, []);

  const logOut = useCallback(async () => {
    await api.POST("/v1/auth/logout", { params: { header: { "X-Requested-With": "opsintel" } } });
    setAccessToken(null);
    setSession(null);
    queries.clear();
    new BroadcastChannel("opsintel-session").postMessage("out");
  }, [queries]);

  const value = useMemo(() => ({ session, loading, logIn, logOut }), [session, loading, logIn, logOut]);
  return <SessionContext value={value}>{children}</SessionContext>;
}

export function useSession(): SessionState {
  const state = useContext(SessionContext);
  if (!state) throw new Error("useSession needs a SessionProvider above it");
  return state;
}
