import { AlertTriangle, Inbox } from "lucide-react";
import type { ReactNode } from "react";
import { Button } from "@/components/ui/button";
import { ApiError } from "@/lib/api";

/** What to show where there is nothing: why, and what to do next. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="flex flex-col items-center gap-2 rounded-lg border border-dashed p-10 text-center">
      <Inbox aria-hidden className="text-muted-foreground" />
      <p className="font-medium">{title}</p>
      <div className="max-w-md text-sm text-muted-foreground">{children}</div>
    </div>
  );
}

/** What went wrong, with the request's id for whoever looks into it, and another try. */
export function ErrorCard({ error, onRetry }: { error: Error; onRetry: () => void }) {
  const known = error instanceof ApiError ? error : null;
  return (
    <div role="alert" className="flex flex-col items-start gap-2 rounded-lg border border-danger/40 p-4">
      <p className="flex items-center gap-2 font-medium text-danger"><AlertTriangle size={16} aria-hidden />{known ? known.message : "The API cannot be reached"}</p>
      {known?.detail && <p className="text-sm">{known.detail}</p>}
      {known?.requestId && <p className="text-xs text-muted-foreground">Request {known.requestId}</p>}
      <Button onClick={onRetry}>Retry</Button>
    </div>
  );
}
