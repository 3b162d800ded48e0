"use client";

import { X } from "lucide-react";
import { Dialog as Primitive } from "radix-ui";
import type { ReactNode } from "react";
import { useFocusReturn } from "@/lib/focus";

interface DialogProps { title: string; description?: ReactNode; onClose: () => void; children: ReactNode }

/** A question in front of the page; closes on Escape and gives the focus back. */
export function Dialog({ title, description, onClose, children }: DialogProps) {
  const giveBack = useFocusReturn();
  return (
    <Primitive.Root open onOpenChange={(next) => !next && onClose()}>
      <Primitive.Portal>
        <Primitive.Overlay className="fixed inset-0 z-40 bg-black/40" />
        <Primitive.Content onCloseAutoFocus={giveBack} {...(description ? {} : { "aria-describedby": undefined })}
          className="fixed top-1/2 left-1/2 z-50 flex max-h-[calc(100dvh-2rem)] w-[min(32rem,calc(100vw-2rem))] -translate-x-1/2 -translate-y-1/2 flex-col gap-4 overflow-y-auto rounded-xl border bg-card p-5 shadow-xl">
          <div className="flex items-start justify-between gap-3">
            <Primitive.Title className="text-base font-semibold break-words">{title}</Primitive.Title>
            <Primitive.Close aria-label="Close" className="rounded-md p-1.5 hover:bg-muted"><X size={16} aria-hidden /></Primitive.Close>
          </div>
          {description && <Primitive.Description asChild><div className="text-sm text-muted-foreground">{description}</div></Primitive.Description>}
          {children}
        </Primitive.Content>
      </Primitive.Portal>
    </Primitive.Root>
  );
}
