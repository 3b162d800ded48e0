"use client";

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { api, type Schemas, unwrap } from "@/lib/api";

export type RetentionPolicy = Schemas["RetentionPolicy"];
export type RetentionDays = Schemas["RetentionDays"];
const RETENTION = ["retention-policy"];

export const useRetention = () =>
  useQuery({ queryKey: RETENTION, queryFn: () => unwrap(api.GET("/v1/policies/retention")) });

/** What would go under a policy; nothing is set. */
export const previewRetention = (body: RetentionDays): Promise<RetentionPolicy> =>
  unwrap(api.PUT("/v1/policies/retention", { params: { query: { preview: true } }, body }));

/** Sets the policy. */
export function useSetRetention(): (body: RetentionDays) => Promise<void> {
  const queries = useQueryClient();
  return async (body) => {
    const kept = await unwrap(api.PUT("/v1/policies/retention", { body }));
    queries.setQueryData(RETENTION, kept);
  };
}

/** Whether one policy keeps something for a shorter time than another; null is for ever, or as long as the messages. */
export function isShorter(next: RetentionDays, now: RetentionDays): boolean {
  const less = (one: number | null | undefined, other: number | null | undefined) => (one ?? Infinity) < (other ?? Infinity);
  const facts = (one: RetentionDays) => one.fact_days ?? one.message_days;
  return less(next.message_days, now.message_days) || less(next.raw_payload_days, now.raw_payload_days)
    || less(facts(next), facts(now)) || less(next.job_days, now.job_days);
}
