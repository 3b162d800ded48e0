"use client";

import { useCallback, useState } from "react";
import { messageOf } from "@/lib/api";

interface Submission {
  busy: boolean;
  /** What went wrong the last time; "" when nothing did. */
  problem: string;
  /** Runs what a form is for, once at a time; true when it went well. */
  submit: (act: () => Promise<unknown>) => Promise<boolean>;
}

/** The states of a form that is sent: busy, and what the API said against it. */
export function useSubmit(): Submission {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState("");
  const submit = useCallback(async (act: () => Promise<unknown>) => {
    setBusy(true);
    setProblem("");
    try {
      await act();
      return true;
    } catch (error) {
      setProblem(messageOf(error));
      return false;
    } finally {
      setBusy(false);
    }
  }, []);
  return { busy, problem, submit };
}
