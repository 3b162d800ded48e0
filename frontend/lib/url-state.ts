"use client";

import { usePathname, useRouter, useSearchParams } from "next/navigation";
import { useCallback } from "react";

/** Filters that live in the address: reading gives "" for what is not set, writing "" removes it. */
export function useUrlState(): [(name: string) => string, (changes: Record<string, string>) => void] {
  const parameters = useSearchParams();
  const router = useRouter();
  const pathname = usePathname();
  const read = useCallback((name: string) => parameters.get(name) ?? "", [parameters]);
  const write = useCallback(
    (changes: Record<string, string>) => {
      const query = changed(parameters.toString(), changes);
      router.replace(query ? `${pathname}?${query}` : pathname, { scroll: false });
    },
    [parameters, pathname, router],
  );
  return [read, write];
}

/** Returns a query string with some names changed; "" removes a name. */
export function changed(query: string, changes: Record<string, string>): string {
  const next = new URLSearchParams(query);
  for (const [name, value] of Object.entries(changes)) {
    if (value) next.set(name, value);
    else next.delete(name);
  }
  return next.toString();
}
