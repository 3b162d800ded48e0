import type { ReactNode } from "react";
import { ErrorCard } from "@/components/states";
import { Skeleton } from "@/components/ui/skeleton";

interface ListedProps<T> {
  query: { data: T | undefined; error: Error | null; refetch: () => unknown };
  children: (data: T) => ReactNode;
}

/** What was read; a skeleton before that, and what went wrong instead of it. */
export function Listed<T>({ query: { data, error, refetch }, children }: ListedProps<T>) {
  if (data !== undefined) return children(data);
  if (error) return <ErrorCard error={error} onRetry={() => void refetch()} />;
  return <div role="status" aria-label="Loading"><Skeleton className="h-64" /></div>;
}
