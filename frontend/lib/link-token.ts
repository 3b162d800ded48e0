"use client";

import { useEffect, useState } from "react";

/**
 * The token of the link that led here: undefined until it is read, "" when there is none. It stands in the fragment,
 * which reaches no server, and is taken out of the address at once, so that it stays in no history or screenshot.
 */
export function useLinkToken(): string | undefined {
  const [token, setToken] = useState<string>();
  useEffect(() => {
    const take = () => {
      const found = new URLSearchParams(window.location.hash.slice(1)).get("token") ?? "";
      setToken((held) => found || held || "");
      if (found) window.history.replaceState(null, "", window.location.pathname);
    };
    take();
    window.addEventListener("hashchange", take);
    return () => window.removeEventListener("hashchange", take);
  }, []);
  return token;
}
