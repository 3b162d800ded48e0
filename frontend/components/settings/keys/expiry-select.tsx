import { Labelled, Select } from "@/components/ui/field";

const DAYS = [7, 30, 90, 180, 366] as const;

/** After how many days a key ends by itself; there is none that never does. */
export function ExpirySelect() {
  return (
    <Labelled label="Ends after">
      {(ids) => <Select {...ids} name="days" defaultValue={90}>{DAYS.map((days) => <option key={days} value={days}>{days} days</option>)}</Select>}
    </Labelled>
  );
}
