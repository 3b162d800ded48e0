"use client";

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { api, type Schemas, unwrap } from "@/lib/api";

export type PersonalDataPolicy = Schemas["PersonalDataPolicy"]["policy"];
const PERSONAL_DATA = ["personal-data-policy"];

export const usePersonalDataPolicy = () =>
  useQuery({ queryKey: PERSONAL_DATA, queryFn: () => unwrap(api.GET("/v1/policies/personal-data")) });

/** Sets the policy; whatever was read under the old one is read again. */
export function useSetPersonalDataPolicy(): (policy: PersonalDataPolicy) => Promise<void> {
  const queries = useQueryClient();
  return async (policy) => {
    await unwrap(api.PUT("/v1/policies/personal-data", { body: { policy } }));
    await queries.invalidateQueries();
  };
}
