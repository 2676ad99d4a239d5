/** What the benchmark says while it works goes to stderr: stdout is the table's. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
