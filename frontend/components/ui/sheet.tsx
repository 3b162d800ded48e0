"use client";

import { X } from "lucide-react";
import { Dialog } from "radix-ui";
import type { ReactNode } from "react";
import { cn } from "@/lib/class-names";
import { useFocusReturn } from "@/lib/focus";

interface SheetProps { open: boolean; onClose: () => void; title: string; side?: "left" | "right"; children: ReactNode }

/** A panel over the page from one side; closes on Escape and gives the focus back. */
export function Sheet({ open, onClose, title, side = "right", children }: SheetProps) {
  const giveBack = useFocusReturn();
  return (
    <Dialog.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Dialog.Portal>
        <Dialog.Overlay className="fixed inset-0 z-40 bg-black/40" />
        <Dialog.Content
          aria-describedby={undefined}
          onCloseAutoFocus={giveBack}
          className={cn(
            "fixed inset-y-0 z-50 flex w-full flex-col overflow-y-auto border bg-card p-5 shadow-xl",
            side === "right" ? "right-0 max-w-2xl" : "left-0 max-w-64",
          )}
        >
          <div className="mb-3 flex items-start justify-between gap-3">
            <Dialog.Title className="text-base font-semibold break-words">{title}</Dialog.Title>
            <Dialog.Close aria-label="Close" className="rounded-md p-1.5 hover:bg-muted"><X size={16} /></Dialog.Close>
          </div>
          {children}
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
