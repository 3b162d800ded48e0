"use client";

import { Listed } from "@/components/listed";
import { ReviewCard } from "@/components/review/review-card";
import { Empty } from "@/components/states";
import { Button } from "@/components/ui/button";
import { useMe } from "@/lib/me";
import { useReviewItems } from "@/lib/review";

/** The analyses that a person is to look at, one after the other. */
export function ReviewPage() {
  const query = useReviewItems();
  const mayResolve = useMe().data?.scopes.includes("corrections.write") ?? false;
  const items = query.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <div className="flex flex-col gap-4">
      <div>
        <h1 className="text-xl font-semibold">Review</h1>
        <p className="text-sm text-muted-foreground">Analyses that are unsure, disagreed on or were not possible, and a few of the confident at random. What you say stands over every later analysis.</p>
      </div>
      <Listed query={query}>
        {() => (items.length === 0
          ? <Empty title="Nothing waits">What needs a look comes here as messages are analysed.</Empty>
          : <ul className="flex flex-col gap-3">{items.map((item) => <ReviewCard key={item.id} item={item} mayResolve={mayResolve} />)}</ul>)}
      </Listed>
      {query.hasNextPage && <Button onClick={() => void query.fetchNextPage()} disabled={query.isFetchingNextPage} className="self-start">{query.isFetchingNextPage ? "Loading…" : "More"}</Button>}
    </div>
  );
}
