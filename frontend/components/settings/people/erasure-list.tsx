"use client";

import { useState } from "react";
import { Listed } from "@/components/listed";
import { ReceiptDialog } from "@/components/settings/people/receipt-dialog";
import { Empty } from "@/components/states";
import { Button } from "@/components/ui/button";
import { Cell, Table } from "@/components/ui/table";
import { formatTime } from "@/lib/format";
import { type Erasure, useErasures } from "@/lib/people";

/** The erasures that were asked for; none names the person. */
export function ErasureList() {
  const query = useErasures();
  const [shown, setShown] = useState<Erasure | null>(null);
  return (
    <div className="mt-4 flex flex-col gap-2">
      <Listed query={query}>
        {({ pages }) => (pages[0]?.items.length === 0 ? <Empty title="Nobody was erased">An erasure stays listed here with its receipt, which names nobody.</Empty> : (
          <Table label="Erasures" header={["Asked for", "State", "Ended", ""]}>
            {pages.flatMap((page) => page.items).map((one) => (
              <tr key={one.id}>
                <Cell className="whitespace-nowrap">{formatTime(one.requested_at)}</Cell>
                <Cell><span className="capitalize">{one.state}</span>{one.error && <span className="block text-xs text-muted-foreground">{one.error}</span>}</Cell>
                <Cell className="whitespace-nowrap text-muted-foreground">{formatTime(one.finished_at)}</Cell>
                <Cell className="text-right">{one.receipt && <Button variant="ghost" onClick={() => setShown(one)}>Receipt</Button>}</Cell>
              </tr>
            ))}
          </Table>
        ))}
      </Listed>
      {query.hasNextPage && <Button onClick={() => void query.fetchNextPage()} className="self-center">More</Button>}
      {shown?.receipt && <ReceiptDialog receipt={shown.receipt} onClose={() => setShown(null)} />}
    </div>
  );
}
