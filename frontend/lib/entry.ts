"use client";

import { useQuery } from "@tanstack/react-query";
import { api, unwrap } from "@/lib/api";

/** Which ways in there are besides the log-in; asked once. */
export const useEntryOptions = () =>
  useQuery({
    queryKey: ["entry-options"], queryFn: () => unwrap(api.GET("/v1/auth/options")),
    staleTime: Infinity, refetchInterval: false,
  });
