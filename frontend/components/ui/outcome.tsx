/** How a form went: both regions are there from the start, so that screen readers say what comes into them. */
export function Outcome({ problem, done = "" }: { problem: string; done?: string }) {
  return (
    <div className="min-h-5 text-sm break-words">
      <p role="alert" className="text-danger">{problem}</p>
      <p role="status" className="text-good">{done}</p>
    </div>
  );
}
