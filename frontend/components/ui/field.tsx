import type { ComponentProps } from "react";
import { cn } from "@/lib/class-names";

const shared = "min-h-8 rounded-md border bg-card px-2.5 text-sm placeholder:text-muted-foreground";

export function Input({ className, ...props }: ComponentProps<"input">) {
  return <input data-slot="input" className={cn(shared, className)} {...props} />;
}

export function Select({ className, ...props }: ComponentProps<"select">) {
  return <select data-slot="select" className={cn(shared, className)} {...props} />;
}
