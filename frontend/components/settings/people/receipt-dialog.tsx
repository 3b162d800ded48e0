"use client";

import { StoreCounts } from "@/components/settings/people/store-counts";
import { Dialog } from "@/components/ui/dialog";
import { formatTime } from "@/lib/format";
import type { Erasure } from "@/lib/people";

interface ReceiptDialogProps { receipt: NonNullable<Erasure["receipt"]>; onClose: () => void }

/** What an erasure removed, when, and where it still is. */
export function ReceiptDialog({ receipt, onClose }: ReceiptDialogProps) {
  return (
    <Dialog title="Receipt" description={`Asked for ${formatTime(receipt.requested_at)}, ended ${formatTime(receipt.finished_at)}`} onClose={onClose}>
      <StoreCounts stores={receipt.stores} />
      {receipt.backups.length > 0 && (
        <div className="text-sm">
          <p className="font-medium">Back-ups that still hold it</p>
          <ul className="list-disc pl-5 text-muted-foreground">{receipt.backups.map((one) => <li key={one.backup}>{one.backup}: until {one.until}</li>)}</ul>
        </div>
      )}
      <p className="text-xs break-all text-muted-foreground">SHA-256 <code>{receipt.sha256}</code></p>
    </Dialog>
  );
}
