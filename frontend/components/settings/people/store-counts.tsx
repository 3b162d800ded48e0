import { Cell, Table } from "@/components/ui/table";
import { formatNumber } from "@/lib/format";

/** Figures of an erasure by store. */
export function StoreCounts({ stores }: { stores: Record<string, number> }) {
  return (
    <Table label="By store" header={["Store", "Rows and objects"]}>
      {Object.entries(stores).map(([store, count]) => (
        <tr key={store}><Cell className="capitalize">{store}</Cell><Cell className="tabular-nums">{formatNumber(count)}</Cell></tr>
      ))}
    </Table>
  );
}
