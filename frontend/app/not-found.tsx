import Link from "next/link";

export default function NotFound() {
  return (
    <main className="mx-auto flex max-w-md flex-col items-center gap-3 p-16 text-center">
      <h1 className="text-xl font-semibold">There is no such page</h1>
      <Link href="/" className="text-primary underline">Back to the overview</Link>
    </main>
  );
}
