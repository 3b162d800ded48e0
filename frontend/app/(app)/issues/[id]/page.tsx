import type { Metadata } from "next";
import { IssueDetail } from "@/components/issue/issue-detail";

export const metadata: Metadata = { title: "Issue" };

/** One page is exported for all issues; the server maps every id to it and the page reads the id from its address. */
export function generateStaticParams() {
  return [{ id: "_" }];
}

export default function IssuePage() {
  return <IssueDetail />;
}
