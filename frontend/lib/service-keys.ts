"use client";

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { api, type Schemas, settle, unwrap } from "@/lib/api";

export type ServiceKey = Schemas["ServiceKey"];
export type NewServiceKey = Schemas["NewServiceKey"];
const KEY = ["service-keys"];

export const useServiceKeys = () => useQuery({ queryKey: KEY, queryFn: () => unwrap(api.GET("/v1/service-keys")) });

/** What an owner or admin does with keys. A key's value is only in the answer: no cache ever holds it. */
export function useServiceKeyActions() {
  const queries = useQueryClient();
  const afterwards = async <T,>(call: Promise<T>): Promise<T> => {
    const answer = await call;
    void queries.invalidateQueries({ queryKey: KEY });
    return answer;
  };
  return {
    create: (body: Schemas["ServiceKeyRequest"]) => afterwards(unwrap(api.POST("/v1/service-keys", { body }))),
    rotate: (id: string, body: Schemas["RotationRequest"]) =>
      afterwards(unwrap(api.POST("/v1/service-keys/{key_id}/rotate", { params: { path: { key_id: id } }, body }))),
    revoke: (id: string) => afterwards(settle(api.DELETE("/v1/service-keys/{key_id}", { params: { path: { key_id: id } } }))),
  };
}
