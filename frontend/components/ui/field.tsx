import { type ComponentProps, type ReactNode, useId } from "react";
import { cn } from "@/lib/class-names";

const shared = "min-h-8 rounded-md border bg-card px-2.5 text-sm placeholder:text-muted-foreground";

export function Input({ className, ...props }: ComponentProps<"input">) {
  return <input data-slot="input" className={cn(shared, className)} {...props} />;
}

export function Select({ className, ...props }: ComponentProps<"select">) {
  return <select data-slot="select" className={cn(shared, className)} {...props} />;
}

export function Textarea({ className, ...props }: ComponentProps<"textarea">) {
  return <textarea data-slot="textarea" className={cn(shared, "min-h-20 py-1.5", className)} {...props} />;
}

interface LabelledProps { label: string; hint?: ReactNode; children: (ids: { id: string; "aria-describedby"?: string }) => ReactNode }

/** A field under its label, with a hint that screen readers read with it. */
export function Labelled({ label, hint, children }: LabelledProps) {
  const id = useId();
  const hintId = `${id}-hint`;
  return (
    <div className="flex min-w-0 flex-col gap-1">
      <label htmlFor={id} className="text-sm font-medium">{label}</label>
      {children(hint ? { id, "aria-describedby": hintId } : { id })}
      {hint && <p id={hintId} className="text-xs text-muted-foreground">{hint}</p>}
    </div>
  );
}
