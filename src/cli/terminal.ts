/** What the terminal that standard output goes to can show. */
export function terminalOf(): { readonly width: number; readonly color: boolean } {
  const { columns, isTTY } = process.stdout;
  return { width: Math.min(columns ?? 100, 120), color: isTTY === true && process.stdout.hasColors() };
}
