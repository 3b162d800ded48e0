"use client";

import { useCallback, useState } from "react";

/**
 * Gives the focus back, when a dialog closes, to what had it before; to the page's content where that is gone.
 * Radix does so only for dialogs with a trigger of their own.
 */
export function useFocusReturn(): (event: Event) => void {
  const [opener] = useState(() => document.activeElement);
  return useCallback((event: Event) => {
    event.preventDefault();
    const target = opener instanceof HTMLElement && opener.isConnected ? opener : document.getElementById("content");
    target?.focus();
  }, [opener]);
}
