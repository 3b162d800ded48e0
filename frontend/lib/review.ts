"use client";

import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { api, type Schemas, unwrap } from "@/lib/api";

export type ReviewItem = Schemas["ReviewItem"];
export type Resolution = Schemas["ReviewResolution"];
const REVIEW = ["review-items"];
type Page = { items: ReviewItem[]; next_cursor?: string | null };

/** What waits for a person, most urgent first. */
export const useReviewItems = () =>
  useInfiniteQuery({
    queryKey: REVIEW,
    queryFn: ({ pageParam }) => unwrap(api.GET("/v1/review-items", { params: { query: { cursor: pageParam, limit: 20 } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page: Page) => page.next_cursor ?? undefined,
  });

/** Says what a person says of an item; the queue is read anew. */
export function useResolve(): (id: string, body: Resolution) => Promise<void> {
  const queries = useQueryClient();
  return async (id, body) => {
    await unwrap(api.POST("/v1/review-items/{review_item_id}/resolve", { params: { path: { review_item_id: id } }, body }));
    await queries.invalidateQueries({ queryKey: REVIEW });
  };
}

const REASONS: Record<ReviewItem["reason"], string> = {
  failed: "No model could analyse it", disagreement: "Models or rules disagree", low_confidence: "Unsure", sample: "Random sample",
};

/** Why an item waits: `Unsure: severity`. */
export function reasonInWords({ reason, fields, detail }: ReviewItem): string {
  const what = [...fields.map((field) => (field === "not_actionable_reason" ? "whether to act" : field)), ...(detail ? [detail] : [])];
  return what.length > 0 ? `${REASONS[reason]}: ${what.join(", ")}` : REASONS[reason];
}
