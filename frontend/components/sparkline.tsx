/** A row of bars without axes: the shape of the last days, with its figures for screen readers. */
export function Sparkline({ values, width = 96, height = 24 }: { values: number[]; width?: number; height?: number }) {
  const highest = Math.max(1, ...values);
  const step = width / Math.max(1, values.length);
  const total = values.reduce((sum, value) => sum + value, 0);
  return (
    <svg width={width} height={height} role="img" aria-label={`${total} messages in ${values.length} days, at most ${Math.max(0, ...values)} a day`} className="text-primary">
      {values.map((value, place) => {
        const tall = value === 0 ? 1 : Math.max(2, (value / highest) * height);
        return (
          <rect key={place} x={place * step} y={height - tall} width={Math.max(1, step - 1)} height={tall} rx={0.5}
            fill="currentColor" opacity={value === 0 ? 0.2 : 0.85} />
        );
      })}
    </svg>
  );
}
